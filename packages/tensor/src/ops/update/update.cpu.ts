import { kernels as wasm } from "../../kernels.ts";
import type { CpuArgument, CpuStep, Planner } from "../../op.ts";
import { numel, type Layout } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { fillStep } from "../move/move.cpu.ts";
import type { AdamSignature, SgdSignature } from "./update.ts";

/** Elements that one task updates, or squares. */
const CHUNK = 16384;

const tasksOf = (x: Layout): number => Math.ceil(numel(x.shape) / CHUNK);

/** A step for each parameter, then one that counts. */
const updates = (
  fn: string,
  inputs: readonly Layout[],
  each: number,
  flag: boolean,
  attrs: readonly number[],
): CpuStep[] => {
  const steps: CpuStep[] = [];
  const [count, scale] = [{ in: inputs.length - 2 }, { in: inputs.length - 1 }];
  for (let at = 0; at + each < inputs.length; at += each) {
    const state = Array.from({ length: each }, (_, i): CpuArgument => ({ in: at + i }));
    // Without momentum there is no buffer, and the kernel does not touch its address.
    if (each === 2) state.push(0);
    const tasks = tasksOf(inputs[at]!);
    if (tasks > 0)
      steps.push({
        wasm,
        fn,
        args: [...state, scale, count, numel(inputs[at]!.shape), CHUNK, flag ? 1 : 0, { scalar: "lr" }, ...attrs],
        tasks,
      });
  }
  return [...steps, { wasm, fn: "advance_i32", args: [scale, count], tasks: 1 }];
};

export const adamCpu: Planner<AdamSignature, CpuStep> = {
  plan: ({ inputs, attrs: { beta1, beta2, eps, weightDecay, decoupled } }) => ({
    steps: updates("adam_f32", inputs, 4, decoupled, [beta1, beta2, eps, weightDecay]),
  }),
};

export const sgdCpu: Planner<SgdSignature, CpuStep> = {
  plan: ({ inputs, attrs: { momentum, dampening, weightDecay, nesterov } }) => ({
    steps: updates("sgd_f32", inputs, momentum === 0 ? 2 : 3, nesterov, [momentum, dampening, weightDecay]),
  }),
};

export const globalNormCpu: Planner<{ inputs: Tensor[]; outputs: [y: Tensor] }, CpuStep> = {
  plan: ({ inputs }) => {
    const steps: CpuStep[] = [];
    let first = 0;
    for (const [i, x] of inputs.entries()) {
      const tasks = x ? tasksOf(x) : 0;
      if (!x || tasks === 0) continue;
      steps.push({
        wasm,
        fn: "sum_squares_f32",
        args: [{ in: i }, { scratch: 0 }, first, numel(x.shape), CHUNK],
        tasks,
      });
      first += tasks;
    }
    if (first === 0) return { steps: [fillStep("float32", { out: 0 }, 1, 0)] };
    steps.push({ wasm, fn: "norm_f32", args: [{ scratch: 0 }, { out: 0 }, first], tasks: 1 });
    return { steps, scratchBytes: [first * 8] };
  },
};
