import { collapse } from "../../backends/collapse.ts";
import { kernels as wasm } from "../../kernels.ts";
import type { Attrs, CpuArgument, CpuStep, Planner, Signature, Slot } from "../../op.ts";
import { broadcastStrides, type Layout, type Shape } from "../../shape.ts";
import type { PickKernel } from "./rows.ts";

/** Elements of the result that one task computes: about 20 µs of the cheapest op. */
const CHUNK = 32768;

/** Views in, broadcast to a contiguous result. `args` follow the tensors and the words. */
export const elementwiseCpu = <S extends Signature>(
  kernel: PickKernel<S>,
  args: (attrs: Attrs<S>) => readonly number[] = () => [],
): Planner<S, CpuStep> => ({
  strided: "all",
  plan: ({ inputs, outputs, attrs }) => {
    const operands = inputs as readonly Layout[];
    const { shape } = outputs[0] as Layout;
    const strides = operands.map((operand) => broadcastStrides(operand, shape));
    const slots = [...operands.map((_, i) => ({ in: i })), { out: 0 }];
    return { steps: [walkStep(kernel(operands, attrs), shape, strides, slots, args(attrs))] };
  },
});

/**
 * The step that runs an elementwise kernel over a walk of `shape`: operands with strides of their own, then the contiguous
 * result. Words as assembly/map.as.ts says: [inner, chunk, total, dims, outer sizes, each operand's inner and outer strides].
 */
export const walkStep = (
  fn: string,
  shape: Shape,
  operands: readonly (readonly number[])[],
  slots: readonly Slot[],
  args: readonly CpuArgument[] = [],
): CpuStep => {
  const { sizes, strides } = collapse(shape, operands);
  const total = sizes.reduce((n, size) => n * size, 1);
  const outer = sizes.slice(0, -1).reverse();
  const inwards = strides.flatMap((stride) => [stride.at(-1) ?? 0, ...stride.slice(0, -1).reverse()]);
  const words = [sizes.at(-1) ?? 1, CHUNK, total, outer.length, ...outer, ...inwards];
  return { wasm, fn, args: [...slots, { words }, ...args], tasks: Math.ceil(total / CHUNK) };
};
