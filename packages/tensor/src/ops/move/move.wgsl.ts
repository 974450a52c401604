import type { Backend } from "../../backend.ts";
import { shaders } from "../../backends/webgpu/shaders.ts";
import type { DType } from "../../dtype.ts";
import type { Planner, Slot, WebgpuStep, WebgpuWord } from "../../op.ts";
import { contiguousStrides, numel, type Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { copyStepWgsl } from "./copy.wgsl.ts";
import type { PlaceAttrs } from "./move.ts";

const WORKGROUP = 256;

/** y = bits: an invocation sets one vec4; buffers have room for the last one's tail. */
const fillShader = shaders((label: string) => ({
  label,
  wgsl: /* wgsl */ `
struct Words { count: u32, bits: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i < w.count) { y[i] = vec4<u32>(w.bits); }
}`,
}));

/** The step that sets the `total` elements of a whole buffer, of which there must be at least one. */
export const fillStepWgsl = (dtype: DType, slot: Slot, total: number, value: number, label = "fill"): WebgpuStep => {
  const count = Math.ceil(total / 4);
  return {
    shader: fillShader(label),
    bind: [slot],
    words: [count, bitsOf(dtype, value)],
    workgroups: Math.ceil(count / WORKGROUP),
  };
};

/** The value as a tensor of `dtype` stores it. */
const bitsOf = (dtype: DType, value: number): WebgpuWord =>
  dtype === "float32" ? { f32: value } : dtype === "int32" ? value : Number(value !== 0);

export const placeWgsl: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: PlaceAttrs }, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y], attrs: { starts, steps, value } }) => {
    const out = contiguousStrides(y.shape);
    const strides = out.map((stride, d) => stride * steps[d]!);
    const start = starts.reduce((at, begin, d) => at + begin * out[d]!, 0);
    const count = numel(x.shape);
    // Every element is written once when nothing shows between or around those of x.
    const fill = count === numel(y.shape) ? [] : [fillStepWgsl(y.dtype, { out: 0 }, numel(y.shape), value, "place")];
    const from = { slot: { in: 0 }, strides: x.strides, start: x.offset };
    const put = count === 0 ? [] : [copyStepWgsl(x.shape, from, { slot: { out: 0 }, strides, start })];
    return { steps: [...fill, ...put] };
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
      const from = { slot: { in: i }, strides: x.strides, start: x.offset };
      const to = { slot: { out: 0 }, strides, start: start * strides[dim]! };
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
  plan: ({ outputs: [y], attrs: { value } }) => ({ steps: [fillStepWgsl(y.dtype, { out: 0 }, numel(y.shape), value)] }),
};
