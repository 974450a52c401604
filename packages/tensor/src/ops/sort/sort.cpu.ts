import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { numel } from "../../shape.ts";
import { input, output, scratch } from "../../slots.ts";
import type { ArgsortSignature } from "./sort.ts";

/** Elements that one task sorts, in whole rows. */
const TASK = 16384;

export const argsortCpu: Planner<ArgsortSignature, CpuStep> = {
  plan: ({ inputs: [x], attrs: { descending } }) => {
    const n = x.shape.at(-1)!;
    const rows = numel(x.shape) / n;
    const perTask = Math.max(1, Math.floor(TASK / n));
    const tasks = Math.ceil(rows / perTask);
    const slots = { x: input(0), space: scratch(0), y: output(0) };
    const kinds = { floats: Number(x.dtype === "float32"), descending: Number(descending) };
    return {
      steps: [kernels.argsort({ ...slots, n, rows, perTask, ...kinds }, { tasks })],
      scratchBytes: [tasks * n * 16],
    };
  },
};
