import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import type { Layout } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import type { CrossEntropyBackwardSignature, CrossEntropySignature } from "./loss.ts";
import { noClass } from "./loss.reference.ts";

/** Logits that one task reads: their exponentials take about 20 µs. */
const TASK = 16384;

interface Attrs {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
}

/** Rows by tasks, and what to say of a target that is no class. */
const cutRows = (logits: Layout, { ignoreIndex, labelSmoothing }: Attrs) => {
  const [rows, classes] = logits.shape as [number, number];
  const perTask = Math.max(1, Math.floor(TASK / classes));
  return {
    args: { rows, n: classes, perTask, ignore: ignoreIndex, smoothing: labelSmoothing },
    launch: {
      tasks: Math.ceil(rows / perTask),
      fault: (target: number) => noClass(target, classes, ignoreIndex),
    },
  };
};

export const crossEntropyCpu: Planner<CrossEntropySignature, CpuStep> = {
  plan: ({ inputs: [logits], outputs: [, lse], attrs }) => {
    const { args, launch } = cutRows(logits, attrs);
    const slots = { x: input(0), target: input(1), loss: output(0), lse: lse && output(1) };
    return { steps: [kernels.crossEntropyF32({ ...slots, ...args }, launch)] };
  },
};

export const crossEntropyBackwardCpu: Planner<CrossEntropyBackwardSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [dloss, logits], attrs }) => {
    const { args, launch } = cutRows(logits, attrs);
    const slots = { dloss: input(0), x: input(1), target: input(2), lse: input(3), dx: output(0) };
    return {
      steps: [kernels.crossEntropyBackwardF32({ ...slots, dlossStep: dloss.strides[0]!, ...args }, launch)],
    };
  },
};
