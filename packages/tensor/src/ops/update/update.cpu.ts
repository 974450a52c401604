import type { WasmLaunch } from "../../backends/cpu/wasm-kernel.ts";
import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { numel, type Layout } from "../../shape.ts";
import { input, output, scalar, scratch, words, type ScalarRef, type Slot, type Words } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import { fillStep } from "../move/move.cpu.ts";
import type { AdamSignature, SgdSignature } from "./update.ts";

/** Elements that one task updates, or squares. */
const CHUNK = 16384;
/** Rows of one table, at most: at six words each, nearly all the words that a launch may list. */
const MAX_ROWS = 2048;

/** Tensors of one job: a row is its first task, the elements, and the addresses of `each` tensors of one shape. */
interface Table {
  readonly rows: number;
  readonly table: Words;
  readonly tasks: number;
}

/** Tables of the inputs before `end`, taken `each` at a time. What has no elements has no row. */
const tablesOf = (inputs: readonly (Layout | null)[], each: number, end: number): Table[] => {
  const tables: Table[] = [];
  let [rows, tasks, list]: [number, number, (number | Slot)[]] = [0, 0, []];
  const close = (): void => {
    if (rows > 0) tables.push({ rows, table: words(list), tasks });
    [rows, tasks, list] = [0, 0, []];
  };
  for (let at = 0; at + each <= end; at += each) {
    const first = inputs[at];
    const count = first ? numel(first.shape) : 0;
    if (count === 0) continue;
    list.push(tasks, count);
    for (let i = 0; i < each; i++) list.push(input(at + i));
    tasks += Math.ceil(count / CHUNK);
    if (++rows === MAX_ROWS) close();
  }
  close();
  return tables;
};

/** What the kernels of all optimisers take. */
interface Job {
  readonly table: Words;
  readonly rows: number;
  readonly scale: Slot;
  readonly step: Slot;
  readonly chunk: number;
  readonly lr: ScalarRef;
}

/** One job over all parameters, or a few where they are very many; then a step that counts. */
const updates = (
  inputs: readonly Layout[],
  each: number,
  kernel: (job: Job, launch: WasmLaunch) => CpuStep,
): CpuStep[] => {
  const [step, scale] = [input(inputs.length - 2), input(inputs.length - 1)];
  const steps = tablesOf(inputs, each, inputs.length - 2).map(({ rows, table, tasks }) =>
    kernel({ table, rows, scale, step, chunk: CHUNK, lr: scalar("lr") }, { tasks }),
  );
  return [...steps, kernels.advanceI32({ scale, step }, { tasks: 1 })];
};

export const adamCpu: Planner<AdamSignature, CpuStep> = {
  plan: ({ inputs, attrs: { beta1, beta2, eps, weightDecay, decoupled } }) => {
    const attrs = { decoupled: Number(decoupled), beta1, beta2, eps, weightDecay };
    return { steps: updates(inputs, 4, (job, launch) => kernels.adamF32({ ...job, ...attrs }, launch)) };
  },
};

export const sgdCpu: Planner<SgdSignature, CpuStep> = {
  plan: ({ inputs, attrs: { momentum, dampening, weightDecay, nesterov } }) => {
    const attrs = { nesterov: Number(nesterov), momentum, dampening, weightDecay };
    return {
      steps:
        momentum === 0
          ? updates(inputs, 2, (job, launch) => kernels.sgdF32({ ...job, weightDecay }, launch))
          : updates(inputs, 3, (job, launch) => kernels.momentumF32({ ...job, ...attrs }, launch)),
    };
  },
};

export const globalNormCpu: Planner<{ inputs: Tensor[]; outputs: [y: Tensor] }, CpuStep> = {
  plan: ({ inputs }) => {
    let before = 0;
    const partials = scratch(0);
    const steps = tablesOf(inputs, 1, inputs.length).map(({ rows, table, tasks }) => {
      const step = kernels.sumSquaresF32({ table, rows, partials, before, chunk: CHUNK }, { tasks });
      before += tasks;
      return step;
    });
    if (before === 0) return { steps: [fillStep("float32", output(0), 1, 0)] };
    steps.push(kernels.normF32({ partials, norm: output(0), count: before }, { tasks: 1 }));
    return { steps, scratchBytes: [before * 8] };
  },
};
