import type { Backend } from "../../backend.ts";
import { kernel, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { DType } from "../../dtype.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { contiguousStrides, numel, type Shape } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import { copyStepWgsl } from "./copy.wgsl.ts";
import type { PlaceAttrs } from "./move.ts";

const WORKGROUP = 256;

/** y = bits: an invocation sets one vec4; buffers have room for the last one's tail. */
const fill = variants(({ label }: { readonly label: string }) =>
  kernel(
    { name: label, workgroup: WORKGROUP, words: { count: "u32", bits: "u32" }, bind: { y: write("vec4<u32>") } },
    (k) => /* wgsl */ `
${k.main} {
  let i = ${k.invocation};
  if (i < w.count) { y[i] = vec4<u32>(w.bits); }
}`,
  ),
);

/** The step that sets the `total` elements of a whole buffer, of which there must be at least one. */
export const fillStepWgsl = (dtype: DType, slot: Slot, total: number, value: number, label = "fill"): WebgpuStep => {
  const count = Math.ceil(total / 4);
  const bits = bitsOf(dtype, value);
  return fill({ label })({ y: slot, count, bits }, { workgroups: Math.ceil(count / WORKGROUP) });
};

/** The value as a tensor of `dtype` stores it. */
const bitsOf = (dtype: DType, value: number): number =>
  dtype === "float32"
    ? new Uint32Array(Float32Array.of(value).buffer)[0]!
    : dtype === "int32"
      ? value
      : Number(value !== 0);

export const placeWgsl: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: PlaceAttrs }, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y], attrs: { starts, steps, value } }) => {
    const out = contiguousStrides(y.shape);
    const strides = out.map((stride, d) => stride * steps[d]!);
    const start = starts.reduce((at, begin, d) => at + begin * out[d]!, 0);
    const count = numel(x.shape);
    // Every element is written once when nothing shows between or around those of x.
    const filled = count === numel(y.shape) ? [] : [fillStepWgsl(y.dtype, output(0), numel(y.shape), value, "place")];
    const from = { slot: input(0), strides: x.strides, start: x.offset };
    const put = count === 0 ? [] : [copyStepWgsl(x.shape, from, { slot: output(0), strides, start })];
    return { steps: [...filled, ...put] };
  },
};

export const catWgsl: Planner<{ inputs: Tensor[]; outputs: [y: Tensor]; attrs: { dim: number } }, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs, outputs: [y], attrs: { dim } }) => {
    const strides = contiguousStrides(y.shape);
    const steps: WebgpuStep[] = [];
    let start = 0;
    for (const [i, x] of inputs.entries()) {
      if (!x) continue;
      const from = { slot: input(i), strides: x.strides, start: x.offset };
      const to = { slot: output(0), strides, start: start * strides[dim]! };
      if (numel(x.shape) > 0) steps.push(copyStepWgsl(x.shape, from, to));
      start += x.shape[dim]!;
    }
    return { steps };
  },
};

export const fillWgsl: Planner<
  { inputs: []; outputs: [y: Tensor]; attrs: { device: Backend; shape: Shape; dtype: DType; value: number } },
  WebgpuStep
> = {
  plan: ({ outputs: [y], attrs: { value } }) => ({ steps: [fillStepWgsl(y.dtype, output(0), numel(y.shape), value)] }),
};
