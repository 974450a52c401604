import { numel } from "@tessera/tensor";
import { contiguousStrides, input, output, words, type CpuStep, type Planner } from "@tessera/tensor/extend";
import { kernels } from "../../generated/kernels.ts";
import type { MaxPoolIndicesSignature, OverlapAddSignature } from "./windows.ts";

/** Elements that one task adds or compares, and bytes that it clears. */
const TASK = 32768;
const CLEAR = 1 << 18;

/** Dims of a walk with the strides of its operands: neighbours that all of them cross without a gap are one. */
const joined = (sizes: readonly number[], operands: readonly (readonly number[])[]) => {
  const dims: { size: number; readonly strides: number[] }[] = [];
  for (const [d, size] of sizes.entries()) {
    if (size === 1) continue;
    const last = dims.at(-1);
    if (last && operands.every((strides, i) => last.strides[i] === strides[d]! * size)) {
      last.size *= size;
      for (const [i, strides] of operands.entries()) last.strides[i] = strides[d]!;
    } else dims.push({ size, strides: operands.map((strides) => strides[d]!) });
  }
  return dims;
};

export const overlapAddCpu: Planner<OverlapAddSignature, CpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y], attrs: { dim, step, dilation } }) => {
    const bytes = 4 * numel(y.shape);
    const clear = kernels.clearBytes({ y: output(0), bytes, chunk: CLEAR }, { tasks: Math.ceil(bytes / CLEAR) });
    if (numel(x.shape) === 0) return { steps: [clear] };
    const to = contiguousStrides(y.shape);
    const [size, count] = [x.shape[dim]!, x.shape[dim + 1]!];
    const [xShift, xCount] = [x.strides[dim]!, x.strides[dim + 1]!];
    const yDim = to[dim]!;
    const after = joined(x.shape.slice(dim + 2), [to.slice(dim + 1), x.strides.slice(dim + 2)]);
    const before = joined(x.shape.slice(0, dim), [to.slice(0, dim), x.strides.slice(0, dim)]);
    const last = after.at(-1);
    const [yInner, xInner] = last?.strides ?? [];
    // A row: along the windows where nothing follows them, along both where they lie side by side, else along what follows.
    const row = !last
      ? { rows: 1, n: count, xRow: 0, yRow: 0, xStep: xCount, yStep: yDim * step }
      : step === 1 && xCount === last.size * xInner! && yDim === last.size * yInner!
        ? { rows: 1, n: count * last.size, xRow: 0, yRow: 0, xStep: xInner!, yStep: yInner! }
        : { rows: count, n: last.size, xRow: xCount, yRow: yDim * step, xStep: xInner!, yStep: yInner! };
    const lines = [...before, ...after.slice(0, -1)].reverse();
    const [inmost, ...outer] = lines;
    const total = lines.reduce((product, line) => product * line.size, 1);
    const perTask = Math.max(1, Math.floor(TASK / (size * row.rows * row.n)));
    const strides = [0, 1].flatMap((i) => [inmost?.strides[i] ?? 0, ...outer.map((line) => line.strides[i]!)]);
    const walk = words([
      inmost?.size ?? 1,
      perTask,
      total,
      outer.length,
      ...outer.map((line) => line.size),
      ...strides,
    ]);
    const add = kernels.overlapAddF32(
      { x: input(0), y: output(0), words: walk, size, ...row, xShift, yShift: yDim * dilation },
      { tasks: Math.ceil(total / perTask) },
    );
    return { steps: [clear, add] };
  },
};

export const maxPoolIndicesCpu: Planner<MaxPoolIndicesSignature, CpuStep> = {
  plan: ({ inputs: [{ shape }], attrs: { kernel, stride, padding, dilation, sizes } }) => {
    const total = numel(shape.slice(0, -2)) * sizes[0];
    const perTask = Math.max(1, Math.floor(TASK / (sizes[1] * kernel[0] * kernel[1])));
    const [[kh, kw], [sh, sw], [ph, pw], [dh, dw]] = [kernel, stride, padding, dilation];
    const planes = { height: shape.at(-2)!, width: shape.at(-1)!, down: sizes[0], across: sizes[1] };
    const step = kernels.maxPoolIndicesF32(
      { x: input(0), y: output(0), ...planes, kh, kw, sh, sw, ph, pw, dh, dw, total, perTask },
      { tasks: Math.ceil(total / perTask) },
    );
    return { steps: [step] };
  },
};
