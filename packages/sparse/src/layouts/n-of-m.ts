import { ArgumentError } from "@tessera/tensor";
import { fillEmptyColumns } from "../patterns/fill-empty-columns.ts";
import { checkScores, ranked } from "../patterns/ranked.ts";
import type { LayoutRule } from "./layout-rule.ts";

/**
 * N of every M blocks of a row, the best by the criterion: every row has the same number, evenly spread. N is density · M, rounded, at least
 * one. What is left over at the end of a row keeps its share, rounded up.
 *
 * {@link https://arxiv.org/abs/2104.08378 Mishra et al. 2021} (2 of 4 elements), by blocks
 *
 * @throws ArgumentError unless M is a whole number from 2 up.
 */
export const nOfM = ({ m = 4 }: { readonly m?: number | undefined } = {}): LayoutRule => {
  if (!Number.isInteger(m) || m < 2)
    throw new ArgumentError(`nOfM: expected groups of a whole number of blocks from 2 up, got ${m}`);
  return {
    name: "nOfM",
    mask: ({ rows, cols, density, scores }) => {
      const given = scores();
      checkScores("nOfM", given, rows, cols);
      const mask = new Uint8Array(rows * cols);
      const n = Math.max(1, Math.round(density * m));
      for (let row = 0; row < rows; row++)
        for (let first = 0; first < cols; first += m) {
          const length = Math.min(m, cols - first);
          const group = Array.from({ length }, (_, i) => given[row * cols + first + i]!);
          for (const i of ranked(group).slice(0, Math.ceil((n * length) / m))) mask[row * cols + first + i] = 1;
        }
      return fillEmptyColumns(mask, given, {
        rows,
        cols,
        sameGroup: (a, b) => Math.floor(a / m) === Math.floor(b / m),
      });
    },
  };
};
