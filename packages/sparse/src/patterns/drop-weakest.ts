import { ArgumentError } from "@tessera/tensor";
import { BlockLayout } from "../block-layout.ts";
import { LayoutRandom } from "../layout-random.ts";
import { CoveredGrid } from "./covered-grid.ts";
import { checkScores } from "./ranked.ts";

/** A layer whose blocks compete, with a score for each place of its grid; only those of stored blocks are looked at. */
export interface Competitor {
  readonly layout: BlockLayout;
  readonly scores: ArrayLike<number>;
}

/**
 * Drops the weakest blocks of some layers together until `blocks` are left: those with the lowest scores in all of the layers. No row and no column
 * of blocks that had one loses its last, and where few are to be left, blocks that cover a row and a column at once stay. With one layer it is pruning
 * by layer, with several they compete. Equal scores go by layer and place, the last ones first.
 *
 * @param blocks of all layers together; where fewer cannot cover all rows and columns, as few as can
 * @param later how few blocks a later call shall be able to get down to; as many as now, unless given
 * @throws ArgumentError when a score of a stored block is NaN, or layers have blocks of different sizes.
 * @example
 * const [up, down] = dropWeakest([{ layout: a.layout, scores: s }, { layout: b.layout, scores: t }], 20);
 */
export const dropWeakest = (competitors: readonly Competitor[], blocks: number, later = blocks): BlockLayout[] => {
  const sizes = new Set(competitors.map(({ layout }) => layout.blockSize));
  if (sizes.size > 1)
    throw new ArgumentError(
      `dropWeakest: expected layers with blocks of one size, whose scores can be compared, got ${[...sizes].join(" and ")}; prune by layer`,
    );
  const stored: { readonly layer: number; readonly at: number; readonly score: number }[] = [];
  for (const [layer, { layout, scores }] of competitors.entries()) {
    const { rows, cols } = layout;
    const mask = layout.mask();
    const own = Float64Array.from(mask, (one, at) => (one ? (scores[at] ?? NaN) : 0));
    checkScores("dropWeakest", own, rows, cols);
    layout.forEachBlock((row, col) => stored.push({ layer, at: row * cols + col, score: own[row * cols + col]! }));
  }
  stored.sort((a, b) => (a.score === b.score ? b.layer - a.layer || b.at - a.at : a.score - b.score));
  const grids = competitors.map(({ layout }) => new CoveredGrid(layout));
  let left = stored.length;
  let min = grids.reduce((sum, { minBlocks }) => sum + minBlocks, 0);
  for (const { layer, at } of stored) {
    if (left <= blocks) break;
    const rose = grids[layer]!.drop(at, min < later);
    if (rose === null) continue;
    min += rose;
    left--;
  }
  return competitors.map(({ layout: { rows, cols, blockSize } }, layer) =>
    BlockLayout.fromMask(grids[layer]!.mask, rows, cols, blockSize),
  );
};

/** A layout with more blocks, in random free places, up to as many as are asked for. */
export const addRandomBlocks = (layout: BlockLayout, blocks: number, seed: number): BlockLayout => {
  const { rows, cols, blockSize } = layout;
  const mask = layout.mask();
  const free = new LayoutRandom(seed).permutation(rows * cols).filter((at) => !mask[at]);
  for (const at of free.slice(0, Math.max(0, blocks - layout.blocks))) mask[at] = 1;
  return BlockLayout.fromMask(mask, rows, cols, blockSize);
};
