import { kernels as wasm } from "../../kernels.ts";
import type { CpuStep, Planner, Slot } from "../../op.ts";
import { numel, type Shape } from "../../shape.ts";
import type { SoftmaxBackwardSignature, SoftmaxSignature } from "./softmax.ts";

/** Elements that one task computes, the most and the fewest: exponentials make them dearer than sums. */
const TASK = 16384;
const LEAST_TASK = 4096;
/** Tasks that lines are cut into, where they stay worth their start. */
const ENOUGH_TASKS = 8;

/** Lines in a row go to the `rows` kernel, others four columns at a time. */
const linesStep = (prefix: string, log: boolean, shape: Shape, dim: number, slots: readonly Slot[]): CpuStep => {
  const n = shape[dim] ?? 1;
  const inner = numel(shape.slice(dim + 1));
  const outer = numel(shape.slice(0, dim));
  const elements = Math.min(TASK, Math.max(LEAST_TASK, (outer * n * inner) / ENOUGH_TASKS));
  const perTask = Math.max(1, Math.floor(elements / n));
  if (inner === 1) {
    const fn = `${log ? "log_" : ""}${prefix}_rows_f32`;
    return { wasm, fn, args: [...slots, n, outer, perTask], tasks: Math.ceil(outer / perTask) };
  }
  const columns = Math.min(inner, Math.ceil(perTask / 4) * 4);
  const args = [...slots, n, inner, columns, Number(log)];
  return { wasm, fn: `${prefix}_columns_f32`, args, tasks: outer * Math.ceil(inner / columns) };
};

const forward = (log: boolean): Planner<SoftmaxSignature, CpuStep> => ({
  plan: ({ inputs: [x], attrs: { dim } }) => ({
    steps: [linesStep("softmax", log, x.shape, dim, [{ in: 0 }, { out: 0 }])],
  }),
});
export const softmaxCpu = forward(false);
export const logSoftmaxCpu = forward(true);

const backward = (log: boolean): Planner<SoftmaxBackwardSignature, CpuStep> => ({
  plan: ({ inputs: [, y], attrs: { dim } }) => ({
    steps: [linesStep("softmax_backward", log, y.shape, dim, [{ in: 0 }, { in: 1 }, { out: 0 }])],
  }),
});
export const softmaxBackwardCpu = backward(false);
export const logSoftmaxBackwardCpu = backward(true);
