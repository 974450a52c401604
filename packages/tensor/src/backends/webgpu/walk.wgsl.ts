import { collapse } from "../collapse.ts";
import type { Shape } from "../../shape.ts";

/** Operands walked together in row-major order, each in strides of its own; see `walkOf`. */
export interface WebgpuWalk {
  /** Dims left after joining. */
  readonly rank: number;
  readonly total: number;
  /** The words that `walkMembers` names. */
  readonly words: readonly number[];
}

/** The walk of `shape`, with as few dims as possible. */
export const walkOf = (
  shape: Shape,
  operands: readonly { readonly strides: readonly number[]; readonly offset: number }[],
): WebgpuWalk => {
  const { sizes, strides } = collapse(
    shape,
    operands.map((operand) => operand.strides),
  );
  const total = sizes.reduce((n, size) => n * size, 1);
  const words = [total, ...sizes, ...operands.flatMap(({ offset }, i) => [offset, ...strides[i]!])];
  return { rank: sizes.length, total, words };
};

const dims = (rank: number): number[] => Array.from({ length: rank }, (_, d) => d);

/** Members of `Words` for a walk: `total`, its sizes, and each operand's offset and strides. */
export const walkMembers = (rank: number, operands: readonly string[]): string =>
  [
    "total: u32,",
    ...dims(rank).map((d) => `size${d}: u32,`),
    ...operands.flatMap((name) => [`${name}Start: u32,`, ...dims(rank).map((d) => `${name}Step${d}: u32,`)]),
  ].join(" ");

/** Statements that set `<operand>At` to where element `i` of the walk lies. Strides wrap around, so negative ones work too. */
export const walkTo = (rank: number, operands: readonly string[], i: string): string =>
  [
    `var rest = ${i};`,
    ...operands.map((name) => `var ${name}At = w.${name}Start;`),
    ...dims(rank)
      .reverse()
      .map((d) => {
        const step = operands.map((name) => `${name}At += k * w.${name}Step${d};`).join(" ");
        return d === 0 ? `{ let k = rest; ${step} }` : `{ let k = rest % w.size${d}; rest /= w.size${d}; ${step} }`;
      }),
  ].join("\n  ");
