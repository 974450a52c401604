import type { Backend } from "../../backend.ts";
import type { DType } from "../../dtype.ts";
import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { contiguousStrides, numel, type Shape } from "../../shape.ts";
import { input, output, type Slot } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import { CHUNK, copyStep } from "./copy.cpu.ts";
import type { PlaceAttrs } from "./move.ts";

/** The step that sets `total` elements, of which there must be at least one. */
export const fillStep = (dtype: DType, dst: Slot, total: number, value: number): CpuStep => {
  const launch = { tasks: Math.ceil(total / CHUNK) };
  const bits = bitsOf(dtype, value);
  return dtype === "bool"
    ? kernels.fill1({ dst, value: bits, total, chunk: CHUNK }, launch)
    : kernels.fill4({ dst, bits, total, chunk: CHUNK }, launch);
};

/** The int32 with the bits of the value, as a tensor of `dtype` stores it. */
const bitsOf = (dtype: DType, value: number): number =>
  dtype === "float32"
    ? new Int32Array(Float32Array.of(value).buffer)[0]!
    : dtype === "int32"
      ? value
      : value === 0
        ? 0
        : 1;

export const placeCpu: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: PlaceAttrs }, CpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y], attrs: { starts, steps, value } }) => {
    const out = contiguousStrides(y.shape);
    const strides = out.map((stride, d) => stride * steps[d]!);
    const start = starts.reduce((at, begin, d) => at + begin * out[d]!, 0);
    const count = numel(x.shape);
    // Every element is written once when nothing shows between or around those of x.
    const fill = count === numel(y.shape) ? [] : [fillStep(y.dtype, output(0), numel(y.shape), value)];
    const put =
      count === 0
        ? []
        : [copyStep(x.dtype, x.shape, { slot: input(0), strides: x.strides }, { slot: output(0), strides, start })];
    return { steps: [...fill, ...put] };
  },
};

export const catCpu: Planner<{ inputs: Tensor[]; outputs: [y: Tensor]; attrs: { dim: number } }, CpuStep> = {
  strided: "all",
  plan: ({ inputs, outputs: [y], attrs: { dim } }) => {
    const strides = contiguousStrides(y.shape);
    const steps: CpuStep[] = [];
    let start = 0;
    for (const [i, x] of inputs.entries()) {
      if (!x) continue;
      const to = { slot: output(0), strides, start: start * strides[dim]! };
      if (numel(x.shape) > 0) steps.push(copyStep(x.dtype, x.shape, { slot: input(i), strides: x.strides }, to));
      start += x.shape[dim]!;
    }
    return { steps };
  },
};

export const fillCpu: Planner<
  { inputs: []; outputs: [y: Tensor]; attrs: { device: Backend; shape: Shape; dtype: DType; value: number } },
  CpuStep
> = {
  plan: ({ outputs: [y], attrs: { value } }) => ({ steps: [fillStep(y.dtype, output(0), numel(y.shape), value)] }),
};
