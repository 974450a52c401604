import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { numel, type Shape } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import type { SoftmaxBackwardSignature, SoftmaxSignature } from "./softmax.ts";

/** Elements that one task computes: exponentials make them dearer than sums. */
const MAX_ELEMENTS = 16384;
const MIN_ELEMENTS = 4096;
/** Tasks that lines are cut into, where they stay worth their start. */
const TARGET_TASKS = 8;

/** Lines in a row go to the `rows` kernel, others four columns at a time. */
const cutLines = (shape: Shape, dim: number) => {
  const n = shape[dim] ?? 1;
  const inner = numel(shape.slice(dim + 1));
  const outer = numel(shape.slice(0, dim));
  const elements = Math.min(MAX_ELEMENTS, Math.max(MIN_ELEMENTS, (outer * n * inner) / TARGET_TASKS));
  const perTask = Math.max(1, Math.floor(elements / n));
  const columns = Math.min(inner, Math.ceil(perTask / 4) * 4);
  return {
    rows: inner === 1 ? { args: { n, rows: outer, perTask }, launch: { tasks: Math.ceil(outer / perTask) } } : null,
    columns: { args: { n, inner, columns }, launch: { tasks: outer * Math.ceil(inner / columns) } },
  };
};

const forward = (log: boolean): Planner<SoftmaxSignature, CpuStep> => ({
  plan: ({ inputs: [x], attrs: { dim } }) => {
    const slots = { x: input(0), y: output(0) };
    const { rows, columns } = cutLines(x.shape, dim);
    const byRows = log ? kernels.logSoftmaxRowsF32 : kernels.softmaxRowsF32;
    const step = rows
      ? byRows({ ...slots, ...rows.args }, rows.launch)
      : kernels.softmaxColumnsF32({ ...slots, ...columns.args, log: Number(log) }, columns.launch);
    return { steps: [step] };
  },
});
export const softmaxCpu = forward(false);
export const logSoftmaxCpu = forward(true);

const backward = (log: boolean): Planner<SoftmaxBackwardSignature, CpuStep> => ({
  plan: ({ inputs: [, y], attrs: { dim } }) => {
    const slots = { dy: input(0), y: input(1), dx: output(0) };
    const { rows, columns } = cutLines(y.shape, dim);
    const byRows = log ? kernels.logSoftmaxBackwardRowsF32 : kernels.softmaxBackwardRowsF32;
    const step = rows
      ? byRows({ ...slots, ...rows.args }, rows.launch)
      : kernels.softmaxBackwardColumnsF32({ ...slots, ...columns.args, log: Number(log) }, columns.launch);
    return { steps: [step] };
  },
});
export const softmaxBackwardCpu = backward(false);
export const logSoftmaxBackwardCpu = backward(true);
