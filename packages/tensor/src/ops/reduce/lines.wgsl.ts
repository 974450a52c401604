import { collapse } from "../../backends/collapse.ts";
import type { WebgpuStep } from "../../op.ts";
import { contiguousStrides, numel, type Layout } from "../../shape.ts";
import { input, scratch } from "../../slots.ts";
import { copyStepWgsl } from "../move/copy.wgsl.ts";
import { inRows, wholeLines, type Lines } from "./fold.wgsl.ts";

/** A tensor as lines to reduce, and the step that copied it to scratch when it could not be read where it lies. */
export interface LinesOf {
  readonly lines: Lines;
  readonly before: readonly WebgpuStep[];
  readonly scratchBytes: readonly number[];
}

/** Dims of more than one element, neighbours that are crossed without a gap joined. */
const joined = (x: Layout, dims: readonly number[]): { size: number; stride: number }[] => {
  const { sizes, strides } = collapse(
    dims.map((d) => x.shape[d]!),
    [dims.map((d) => x.strides[d]!)],
  );
  return sizes.map((size, d) => ({ size, stride: strides[0]![d]! }));
};

/**
 * x as [outer, n, inner], read where it lies when the reduced dims are one and the kept ones fit around it in any steps; else copied
 * to [kept dims, reduced dims]. The order in which reduced elements are met is theirs in memory, not that of the dims.
 */
export const linesOf = (x: Layout, dims: readonly number[]): LinesOf => {
  const keptDims = [...x.shape.keys()].filter((d) => !dims.includes(d));
  const reducedDims = [...dims].sort((a, b) => Math.abs(x.strides[b]!) - Math.abs(x.strides[a]!) || a - b);
  const n = numel(reducedDims.map((d) => x.shape[d]!));
  const whole = numel(keptDims.map((d) => x.shape[d]!));
  // The sum of nothing reads nothing.
  if (n === 0) return { lines: wholeLines(input(0), whole, 0, 1), before: [], scratchBytes: [] };
  const reduced = joined(x, reducedDims);
  const kept = joined(x, keptDims);
  const [first, second] = kept;
  if (reduced.length <= 1 && kept.length <= 2) {
    const place = { slot: input(0), start: x.offset, n, nStep: reduced[0]?.stride ?? 1 };
    const rows: Lines = { ...place, outer: first?.size ?? 1, outerStep: first?.stride ?? 0, inner: 1 };
    const lines: Lines =
      second?.stride === 1
        ? { ...rows, inner: second.size }
        : first?.stride === 1 && !inRows(rows)
          ? { ...place, outer: 1, outerStep: 0, inner: first.size }
          : rows;
    if (lines.outer * lines.inner === whole) return { lines, before: [], scratchBytes: [] };
  }
  const order = [...keptDims, ...reducedDims];
  const shape = order.map((d) => x.shape[d]!);
  const to = { slot: scratch(0), strides: contiguousStrides(shape), start: 0 };
  const from = { slot: input(0), strides: order.map((d) => x.strides[d]!), start: x.offset };
  return {
    lines: wholeLines(to.slot, whole, n, 1),
    before: [copyStepWgsl(shape, from, to)],
    scratchBytes: [whole * n * 4],
  };
};
