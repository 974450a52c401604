import { kernels as wasm } from "../../kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import type { CrossEntropyBackwardSignature, CrossEntropySignature } from "./loss.ts";
import { noClass } from "./loss.reference.ts";

/** Logits that one task reads: their exponentials take about 20 µs. */
const TASK = 16384;

export const crossEntropyCpu: Planner<CrossEntropySignature, CpuStep> = {
  plan: ({ inputs: [logits], outputs: [, lse], attrs: { ignoreIndex, labelSmoothing } }) => {
    const [rows, classes] = logits.shape as [number, number];
    const perTask = Math.max(1, Math.floor(TASK / classes));
    const step: CpuStep = {
      wasm,
      fn: "cross_entropy_f32",
      args: [
        { in: 0 },
        { in: 1 },
        { out: 0 },
        lse ? { out: 1 } : 0,
        rows,
        classes,
        perTask,
        ignoreIndex,
        labelSmoothing,
      ],
      tasks: Math.ceil(rows / perTask),
      fault: (target) => noClass(target, classes, ignoreIndex),
    };
    return { steps: [step] };
  },
};

export const crossEntropyBackwardCpu: Planner<CrossEntropyBackwardSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [dloss, logits], attrs: { ignoreIndex, labelSmoothing } }) => {
    const [rows, classes] = logits.shape as [number, number];
    const perTask = Math.max(1, Math.floor(TASK / classes));
    const slots = [{ in: 0 }, { in: 1 }, { in: 2 }, { in: 3 }, { out: 0 }];
    const step: CpuStep = {
      wasm,
      fn: "cross_entropy_backward_f32",
      args: [...slots, rows, classes, perTask, dloss.strides[0]!, ignoreIndex, labelSmoothing],
      tasks: Math.ceil(rows / perTask),
      fault: (target) => noClass(target, classes, ignoreIndex),
    };
    return { steps: [step] };
  },
};
