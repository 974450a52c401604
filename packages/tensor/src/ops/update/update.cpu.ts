import { kernels as wasm } from "../../kernels.ts";
import type { CpuStep, Planner, Slot } from "../../op.ts";
import { numel, type Layout } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { fillStep } from "../move/move.cpu.ts";
import type { AdamSignature, SgdSignature } from "./update.ts";

/** Elements that one task updates, or squares. */
const CHUNK = 16384;
/** Rows of one table: at six words each, most of the words that a launch may list. */
const ROWS = 2048;

/** Tensors of one job: a row is its first task, the elements, and the addresses of `each` tensors of one shape. */
interface Table {
  readonly rows: number;
  readonly words: readonly (number | Slot)[];
  readonly tasks: number;
}

/** Tables of the inputs before `end`, taken `each` at a time. What has no elements has no row. */
const tablesOf = (inputs: readonly (Layout | null)[], each: number, end: number): Table[] => {
  const tables: Table[] = [];
  let [rows, tasks, words]: [number, number, (number | Slot)[]] = [0, 0, []];
  const close = (): void => {
    if (rows > 0) tables.push({ rows, words, tasks });
    [rows, tasks, words] = [0, 0, []];
  };
  for (let at = 0; at + each <= end; at += each) {
    const first = inputs[at];
    const count = first ? numel(first.shape) : 0;
    if (count === 0) continue;
    words.push(tasks, count);
    for (let i = 0; i < each; i++) words.push({ in: at + i });
    tasks += Math.ceil(count / CHUNK);
    if (++rows === ROWS) close();
  }
  close();
  return tables;
};

/** One job over all parameters, or a few where they are very many; then a step that counts. */
const updates = (
  fn: string,
  inputs: readonly Layout[],
  each: number,
  args: readonly number[],
  attrs: readonly number[],
): CpuStep[] => {
  const [count, scale] = [{ in: inputs.length - 2 }, { in: inputs.length - 1 }];
  const steps = tablesOf(inputs, each, inputs.length - 2).map(({ rows, words, tasks }): CpuStep => ({
    wasm,
    fn,
    args: [{ words }, rows, scale, count, CHUNK, ...args, { scalar: "lr" }, ...attrs],
    tasks,
  }));
  return [...steps, { wasm, fn: "advance_i32", args: [scale, count], tasks: 1 }];
};

export const adamCpu: Planner<AdamSignature, CpuStep> = {
  plan: ({ inputs, attrs: { beta1, beta2, eps, weightDecay, decoupled } }) => ({
    steps: updates("adam_f32", inputs, 4, [Number(decoupled)], [beta1, beta2, eps, weightDecay]),
  }),
};

export const sgdCpu: Planner<SgdSignature, CpuStep> = {
  plan: ({ inputs, attrs: { momentum, dampening, weightDecay, nesterov } }) => ({
    steps:
      momentum === 0
        ? updates("sgd_f32", inputs, 2, [], [weightDecay])
        : updates("momentum_f32", inputs, 3, [Number(nesterov)], [momentum, dampening, weightDecay]),
  }),
};

export const globalNormCpu: Planner<{ inputs: Tensor[]; outputs: [y: Tensor] }, CpuStep> = {
  plan: ({ inputs }) => {
    let first = 0;
    const steps = tablesOf(inputs, 1, inputs.length).map(({ rows, words, tasks }): CpuStep => {
      const args = [{ words }, rows, { scratch: 0 }, first, CHUNK];
      first += tasks;
      return { wasm, fn: "sum_squares_f32", args, tasks };
    });
    if (first === 0) return { steps: [fillStep("float32", { out: 0 }, 1, 0)] };
    steps.push({ wasm, fn: "norm_f32", args: [{ scratch: 0 }, { out: 0 }, first], tasks: 1 });
    return { steps, scratchBytes: [first * 8] };
  },
};
