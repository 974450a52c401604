import { collapse } from "../../backends/collapse.ts";
import type { DType } from "../../dtype.ts";
import { kernels, TRANSPOSE_SIDE } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { contiguousStrides, type Shape } from "../../shape.ts";
import { input, output, words, type Slot } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";

/** Elements that one task moves. */
export const CHUNK = 65536;

/** A tensor or scratch region to read from or write to, `start` elements on, in strides of its own. */
export interface Place {
  readonly slot: Slot;
  readonly strides: readonly number[];
  readonly start?: number;
}

/** The step that copies a walk of `shape` from one place to another. There must be at least one element. */
export const copyStep = (dtype: DType, shape: Shape, from: Place, to: Place): CpuStep => {
  const bytes = dtype === "bool" ? 1 : 4;
  const { sizes, strides } = collapse(shape, [from.strides, to.strides]);
  const [source, target] = strides as [readonly number[], readonly number[]];
  const last = sizes.length - 1;
  const across = source.indexOf(1);
  const turned = across >= 0 && across !== last && target[last] === 1 && sizes[last]! >= 4 && sizes[across]! >= 4;
  if (bytes === 4 && turned) return transposeStep({ sizes, source, target, across, from, to });
  const total = sizes.reduce((n, size) => n * size, 1);
  const outer = sizes.slice(0, -1).reverse();
  const inwards = [source, target].flatMap((stride) => [stride.at(-1) ?? 1, ...stride.slice(0, -1).reverse()]);
  const copy = bytes === 1 ? kernels.copy1 : kernels.copy4;
  const list = words([sizes.at(-1) ?? 1, CHUNK, total, outer.length, ...outer, ...inwards]);
  return copy(
    { src: from.slot, dst: to.slot, dstStart: to.start ?? 0, words: list },
    { tasks: Math.ceil(total / CHUNK) },
  );
};

interface Transpose {
  readonly sizes: readonly number[];
  readonly source: readonly number[];
  readonly target: readonly number[];
  readonly across: number;
  readonly from: Place;
  readonly to: Place;
}

/** The last dim is contiguous in the target, dim `across` in the source; the others are a batch. */
const transposeStep = ({ sizes, source, target, across, from, to }: Transpose): CpuStep => {
  const last = sizes.length - 1;
  const batch = (list: readonly number[]): number[] => list.filter((_, d) => d !== across && d !== last).reverse();
  const outer = batch(sizes);
  const matrices = outer.reduce((n, size) => n * size, 1);
  const squares = matrices * Math.ceil(sizes[last]! / TRANSPOSE_SIDE) * Math.ceil(sizes[across]! / TRANSPOSE_SIDE);
  const elements = Math.min(sizes[last]!, TRANSPOSE_SIDE) * Math.min(sizes[across]!, TRANSPOSE_SIDE);
  const perTask = Math.max(1, Math.floor(CHUNK / elements));
  const list = [sizes[last]!, sizes[across]!, squares, outer.length, ...outer];
  list.push(source[last]!, ...batch(source), target[across]!, ...batch(target));
  return kernels.transpose4(
    { src: from.slot, dst: to.slot, dstStart: to.start ?? 0, words: words(list), squares: perTask },
    { tasks: Math.ceil(squares / perTask) },
  );
};

export const copyCpu: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor] }, CpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y] }) => ({
    steps: [
      copyStep(
        x.dtype,
        x.shape,
        { slot: input(0), strides: x.strides },
        { slot: output(0), strides: contiguousStrides(y.shape) },
      ),
    ],
  }),
};
