import { collapse } from "../../backends/collapse.ts";
import type { WasmLaunch } from "../../backends/cpu/wasm-kernel.ts";
import type { Attrs, CpuStep, Planner, Signature } from "../../op.ts";
import { broadcastStrides, type Layout, type Shape } from "../../shape.ts";
import { words, type Slot, type Words } from "../../slots.ts";

/** Elements of the result that one task computes: about 20 µs of the cheapest op. */
const CHUNK = 32768;

/** The kernels of assembly/map.as.ts: operands, the result, and the words that say how they are walked. */
export type UnaryKernel = (args: { x: Slot; y: Slot; words: Words }, launch: WasmLaunch) => CpuStep;
export type BinaryKernel = (args: { x: Slot; y: Slot; z: Slot; words: Words }, launch: WasmLaunch) => CpuStep;
export type WhereKernel = (
  args: { condition: Slot; a: Slot; b: Slot; y: Slot; words: Words },
  launch: WasmLaunch,
) => CpuStep;
export type TernaryKernel = (
  args: { x: Slot; y: Slot; z: Slot; out: Slot; words: Words },
  launch: WasmLaunch,
) => CpuStep;

/** What an elementwise planner gives to the row of its op. */
interface Elementwise<S extends Signature> {
  readonly inputs: readonly Layout[];
  readonly attrs: Attrs<S>;
  readonly words: Words;
  readonly launch: WasmLaunch;
}

/** Views in, broadcast to a contiguous result. */
export const elementwiseCpu = <S extends Signature>(step: (call: Elementwise<S>) => CpuStep): Planner<S, CpuStep> => ({
  strided: "all",
  plan: ({ inputs, outputs, attrs }) => {
    const operands = inputs as readonly Layout[];
    const { shape } = outputs[0] as Layout;
    const strides = operands.map((operand) => broadcastStrides(operand, shape));
    return { steps: [step({ inputs: operands, attrs, ...walkOf(shape, strides) })] };
  },
});

/**
 * How an elementwise kernel walks `shape`: operands with strides of their own, then the contiguous result. Words as
 * assembly/map.as.ts says: [inner, chunk, total, dims, outer sizes, each operand's inner and outer strides].
 */
export const walkOf = (
  shape: Shape,
  operands: readonly (readonly number[])[],
): { readonly words: Words; readonly launch: WasmLaunch } => {
  const { sizes, strides } = collapse(shape, operands);
  const total = sizes.reduce((n, size) => n * size, 1);
  const outer = sizes.slice(0, -1).reverse();
  const inwards = strides.flatMap((stride) => [stride.at(-1) ?? 0, ...stride.slice(0, -1).reverse()]);
  return {
    words: words([sizes.at(-1) ?? 1, CHUNK, total, outer.length, ...outer, ...inwards]),
    launch: { tasks: Math.ceil(total / CHUNK) },
  };
};
