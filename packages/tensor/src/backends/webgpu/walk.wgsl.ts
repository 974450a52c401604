import { collapse } from "../collapse.ts";
import type { Shape } from "../../shape.ts";
import type { WordGroup } from "./kernel.ts";

/** Operands walked together in row-major order, each in strides of its own; see `walkOf`. */
export interface WebgpuWalk<Operands extends string> {
  /** Dims left after joining. */
  readonly rank: number;
  readonly total: number;
  readonly sizes: readonly number[];
  readonly operands: { readonly [O in Operands]: { readonly offset: number; readonly strides: readonly number[] } };
}

/** The walk of `shape`, with as few dims as possible. */
export const walkOf = <Operands extends string>(
  shape: Shape,
  operands: { readonly [O in Operands]: { readonly strides: readonly number[]; readonly offset: number } },
): WebgpuWalk<Operands> => {
  const names = Object.keys(operands) as Operands[];
  const { sizes, strides } = collapse(
    shape,
    names.map((name) => operands[name].strides),
  );
  const walked = Object.fromEntries(
    names.map((name, i) => [name, { offset: operands[name].offset, strides: strides[i]! }]),
  ) as WebgpuWalk<Operands>["operands"];
  return { rank: sizes.length, total: sizes.reduce((n, size) => n * size, 1), sizes, operands: walked };
};

const dims = (rank: number): number[] => Array.from({ length: rank }, (_, d) => d);

/** The words of a walk: `total`, its sizes, and each operand's offset and strides. A call gives what `walkOf` made. */
export const walkWords = <const Operands extends string>(
  rank: number,
  operands: readonly Operands[],
): WordGroup<WebgpuWalk<Operands>> => ({
  members: () => [
    ["total", "u32"],
    ...dims(rank).map((d) => [`size${d}`, "u32"] as const),
    ...operands.flatMap((name) => [
      [`${name}Start`, "u32"] as const,
      ...dims(rank).map((d) => [`${name}Step${d}`, "u32"] as const),
    ]),
  ],
  words: ({ total, sizes, operands: walked }) => [
    total,
    ...sizes,
    ...operands.flatMap((name) => [walked[name].offset, ...walked[name].strides]),
  ],
});

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
