import { ArgumentError } from "@tessera/tensor";
import { checkCount } from "@tessera/tensor/extend";
import { fillEmptyColumns } from "../patterns/fill-empty-columns.ts";
import { checkScores, ranked } from "../patterns/ranked.ts";
import type { LayoutRequest, LayoutRule } from "./layout-rule.ts";

export interface PerHeadOptions {
  /** Of the attention. */
  readonly heads: number;
  /** Where heads lie in the weight: in its rows, as in projections to query, key and value, or in its columns, as in the projection of the output. */
  readonly axis?: "rows" | "columns" | undefined;
  /** Keeps whole heads, the best ones by the sum of their scores, and nothing of the others. */
  readonly whole?: boolean | undefined;
}

/**
 * A layout for a projection of attention: every head keeps as many blocks as every other (±1), its best by the criterion, so that no head starves;
 * or, with `whole`, the best heads keep all of theirs.
 *
 * {@link https://arxiv.org/abs/1905.10650 Michel, Levy and Neubig 2019} (whole heads)
 *
 * @throws ArgumentError when heads do not fall on borders of blocks: a head's size must be a multiple of the block size.
 * @example
 * patcher
 *   .addPattern(/.*attention\.self\.(query|key|value)/, { density: 0.5, blockSize: 16, layout: perHead({ heads: 4 }) })
 *   .addPattern(/.*attention\.output\.dense/, { density: 0.5, blockSize: 16, layout: perHead({ heads: 4, axis: "columns" }) });
 */
export const perHead = ({ heads, axis = "rows", whole = false }: PerHeadOptions): LayoutRule => {
  checkCount("perHead", "heads", heads, 1);
  return {
    name: whole ? "wholeHeads" : "perHead",
    mask: (request) => {
      const { rows, cols, blocks, shape, blockSize, density } = request;
      const size = shape[axis === "rows" ? 0 : 1] / heads;
      if (size % blockSize !== 0)
        throw new ArgumentError(
          `perHead: expected heads whose size is a multiple of the block size ${blockSize}, got ${heads} heads of ${size}; use a smaller blockSize`,
        );
      const scores = request.scores();
      checkScores("perHead", scores, rows, cols);
      const placesOf = (head: number): number[] => placesOfHead(request, { head, lines: size / blockSize, axis });
      const mask = new Uint8Array(rows * cols);
      if (whole) {
        const sums = Array.from({ length: heads }, (_, head) =>
          placesOf(head).reduce((sum, at) => sum + scores[at]!, 0),
        );
        const kept = Math.max(1, Math.round(density * heads));
        for (const head of ranked(sums).slice(0, kept)) for (const at of placesOf(head)) mask[at] = 1;
        return mask;
      }
      for (let head = 0; head < heads; head++) {
        const count = Math.floor(blocks / heads) + (head < blocks % heads ? 1 : 0);
        takeBest(placesOf(head), {
          scores,
          mask,
          count,
          lineOf: (at) => (axis === "rows" ? Math.floor(at / cols) : at % cols),
        });
      }
      if (axis === "rows") return fillEmptyColumns(mask, scores, { rows, cols });
      // Rows are filled as the columns of the transposed mask.
      const turned = Uint8Array.from(transposed(mask, rows, cols));
      fillEmptyColumns(turned, transposed(scores, rows, cols), { rows: cols, cols: rows });
      return Uint8Array.from(transposed(turned, cols, rows));
    },
  };
};

const placesOfHead = (
  { rows, cols }: LayoutRequest,
  { head, lines, axis }: { head: number; lines: number; axis: "rows" | "columns" },
): number[] =>
  Array.from({ length: rows * cols }, (_, at) => at).filter(
    (at) => Math.floor((axis === "rows" ? Math.floor(at / cols) : at % cols) / lines) === head,
  );

/** The best place of each line of a head, then the best of the rest. */
const takeBest = (
  places: readonly number[],
  {
    scores,
    mask,
    count,
    lineOf,
  }: { scores: ArrayLike<number>; mask: Uint8Array; count: number; lineOf: (at: number) => number },
): void => {
  const order = ranked(places.map((at) => scores[at]!)).map((i) => places[i]!);
  const seen = new Set<number>();
  const first = order.filter((at) => !seen.has(lineOf(at)) && seen.add(lineOf(at)));
  const others = order.filter((at) => !first.includes(at));
  for (const at of [...first, ...others].slice(0, count)) mask[at] = 1;
};

const transposed = (x: ArrayLike<number>, rows: number, cols: number): Float64Array =>
  Float64Array.from({ length: rows * cols }, (_, at) => x[(at % rows) * cols + Math.floor(at / rows)]!);
