import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Plan, Planner } from "../../op.ts";
import { numel, type Layout, type Shape } from "../../shape.ts";
import { input, output, scratch, type Slot } from "../../slots.ts";
import { fillStep } from "../move/move.cpu.ts";
import type {
  AddLayerNormSignature,
  LayerNormBackwardSignature,
  LayerNormSignature,
  RmsNormBackwardSignature,
  RmsNormSignature,
} from "./norm.ts";

/** Elements that one task normalises. */
const TASK = 32768;
/** Rows that one backward task adds up in float32: enough to make adding the tasks' sums cheap, few enough to keep their digits. */
const MIN_ROWS = 32;
const MAX_ROWS = 128;
/** Columns of weight and bias that one task sums over all tasks' parts. */
const COLUMNS = 256;

const sizes = (shape: Shape, dims: number) => {
  const at = shape.length - dims;
  return { rows: numel(shape.slice(0, at)), n: numel(shape.slice(at)) };
};

const optional = (layout: Layout | null, slot: Slot): Slot | null => layout && slot;

/** Rows by tasks. */
const cutRows = (shape: Shape, dims: number) => {
  const { rows, n } = sizes(shape, dims);
  const perTask = Math.max(1, Math.floor(TASK / Math.max(n, 1)));
  return { args: { n, rows, perTask }, launch: { tasks: Math.ceil(rows / perTask) } };
};

export const layerNormCpu: Planner<LayerNormSignature, CpuStep> = {
  plan: ({ inputs: [x, weight, bias], outputs: [, shift, rstd], attrs: { dims, eps } }) => {
    const { args, launch } = cutRows(x.shape, dims);
    const affine = { weight: optional(weight, input(1)), bias: optional(bias, input(2)) };
    const extras = { shift: optional(shift, output(1)), rstd: optional(rstd, output(2)) };
    return {
      steps: [kernels.layerNormF32({ x: input(0), ...affine, y: output(0), ...extras, ...args, eps }, launch)],
    };
  },
};

export const addLayerNormCpu: Planner<AddLayerNormSignature, CpuStep> = {
  plan: ({ inputs: [x, , weight, bias], outputs: [, sum, shift, rstd], attrs: { dims, eps } }) => {
    const { args, launch } = cutRows(x.shape, dims);
    const operands = { x: input(0), residual: input(1) };
    const affine = { weight: optional(weight, input(2)), bias: optional(bias, input(3)) };
    // Without an output for the sum, y holds it meanwhile.
    const results = { y: output(0), sum: output(sum ? 1 : 0) };
    const extras = { shift: optional(shift, output(2)), rstd: optional(rstd, output(3)) };
    return {
      steps: [kernels.addLayerNormF32({ ...operands, ...affine, ...results, ...extras, ...args, eps }, launch)],
    };
  },
};

export const rmsNormCpu: Planner<RmsNormSignature, CpuStep> = {
  plan: ({ inputs: [x, weight], outputs: [, rstd], attrs: { dims, eps } }) => {
    const { args, launch } = cutRows(x.shape, dims);
    const operands = { x: input(0), weight: optional(weight, input(1)) };
    const results = { y: output(0), rstd: optional(rstd, output(1)) };
    return { steps: [kernels.rmsNormF32({ ...operands, ...results, ...args, eps }, launch)] };
  },
};

/** How rows are cut for the sums over them, in scratch for each task. */
const cutSums = (shape: Shape, dims: number) => {
  const { rows, n } = sizes(shape, dims);
  const perTask = Math.min(MAX_ROWS, Math.max(MIN_ROWS, Math.ceil(TASK / n)));
  const parts = Math.ceil(rows / perTask);
  return { n, rows, parts, args: { partials: scratch(0), n, rows, perTask }, launch: { tasks: parts } };
};

/** `first` is dx by rows, with each task's sums for the weight and the bias in scratch; then those are added up, in order. */
const withSums = (
  first: CpuStep,
  { n, rows, parts }: ReturnType<typeof cutSums>,
  sums: readonly Slot[],
): Plan<CpuStep> => {
  if (rows === 0 || n === 0) return { steps: n === 0 ? [] : sums.map((slot) => fillStep("float32", slot, n, 0)) };
  const last = sums.map((out, which) =>
    kernels.normBackwardSumF32(
      { partials: scratch(0), out, which, parts, n, columns: COLUMNS },
      { tasks: Math.ceil(n / COLUMNS) },
    ),
  );
  return { steps: [first, ...last], scratchBytes: [parts * n * 8] };
};

export const layerNormBackwardCpu: Planner<LayerNormBackwardSignature, CpuStep> = {
  plan: ({ inputs: [, x, weight], attrs: { dims } }) => {
    const cut = cutSums(x.shape, dims);
    const operands = { dy: input(0), x: input(1), weight: optional(weight, input(2)), shift: input(3), rstd: input(4) };
    const first = kernels.layerNormBackwardF32({ ...operands, dx: output(0), ...cut.args }, cut.launch);
    return withSums(first, cut, [output(1), output(2)]);
  },
};

export const rmsNormBackwardCpu: Planner<RmsNormBackwardSignature, CpuStep> = {
  plan: ({ inputs: [, x, weight], attrs: { dims } }) => {
    const cut = cutSums(x.shape, dims);
    const operands = { dy: input(0), x: input(1), weight: optional(weight, input(2)), rstd: input(3) };
    const first = kernels.rmsNormBackwardF32({ ...operands, dx: output(0), ...cut.args }, cut.launch);
    return withSums(first, cut, [output(1)]);
  },
};
