import { describe, expect, it } from "vitest";
import { BlockLayout } from "../block-layout.ts";
import { LayoutRandom } from "../layout-random.ts";
import { CoveredGrid } from "./covered-grid.ts";
import { addRandomBlocks, dropWeakest } from "./drop-weakest.ts";

const layoutOf = (...rows: readonly string[]): BlockLayout =>
  BlockLayout.fromMask(
    rows.map((row) => [...row].map((one) => one === "x")),
    rows.length,
    rows[0]!.length,
    4,
  );

/** The smallest cover of rows and columns, by trying every set of blocks. */
const smallestCover = (layout: BlockLayout): number => {
  const places: [number, number][] = [];
  layout.forEachBlock((row, col) => places.push([row, col]));
  const [rows, cols] = [layout.rows - layout.deadRows().length, layout.cols - layout.deadColumns().length];
  let best = places.length;
  for (let set = 0; set < 2 ** places.length; set++) {
    const chosen = places.filter((_, i) => (set >> i) & 1);
    const covers =
      new Set(chosen.map(([row]) => row)).size === rows && new Set(chosen.map(([, col]) => col)).size === cols;
    if (covers) best = Math.min(best, chosen.length);
  }
  return best;
};

const randomLayout = (rows: number, cols: number, share: number, seed: number): BlockLayout => {
  const random = new LayoutRandom(seed);
  return BlockLayout.fromMask(
    Uint8Array.from({ length: rows * cols }, () => Number(random.uniform() < share)),
    rows,
    cols,
    4,
  );
};

describe("dropWeakest", () => {
  it("drops the lowest scores, and looks at no others", () => {
    const layout = layoutOf("xx.", "xxx", ".xx");
    const [next] = dropWeakest([{ layout, scores: [5, 1, NaN, 2, 9, 8, NaN, 3, 4] }], 5);
    expect([...next!.mask()]).toEqual([1, 0, 0, 0, 1, 1, 0, 1, 1]);
  });

  it("spares the last block of a row and of a column", () => {
    const layout = BlockLayout.dense(2, 3, 4);
    // Column 2 would go first.
    const [next] = dropWeakest([{ layout, scores: [9, 8, 1, 7, 6, 0] }], 3);
    expect([next!.blocks, next!.deadRows(), next!.deadColumns()]).toEqual([3, [], []]);
    expect(next!.mask()[2]).toBe(1);
  });

  it("gets down to as few as can cover all rows and columns, whatever the scores", () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = new LayoutRandom(seed);
      const layout = randomLayout(2 + random.below(3), 2 + random.below(3), 0.3 + 0.6 * random.uniform(), seed);
      const min = smallestCover(layout);
      expect(new CoveredGrid(layout).minBlocks, String(layout)).toBe(min);
      const scores = Float64Array.from({ length: layout.rows * layout.cols }, () => random.uniform());
      for (let blocks = 0; blocks <= layout.blocks; blocks++) {
        const [next] = dropWeakest([{ layout, scores }], blocks);
        expect(next!.blocks, `${blocks} of ${String(layout)}`).toBe(Math.max(blocks, min));
        expect([next!.deadRows(), next!.deadColumns()]).toEqual([layout.deadRows(), layout.deadColumns()]);
        expect(next!.mask().every((one, at) => one <= layout.mask()[at]!)).toBe(true);
      }
    }
  });

  it("leaves blocks of which fewer can cover all, for a later call", () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = new LayoutRandom(seed);
      const scores = Float64Array.from({ length: 32 }, () => random.uniform());
      const [first] = dropWeakest([{ layout: BlockLayout.dense(4, 8, 4), scores }], 9, 8);
      const [second] = dropWeakest([{ layout: first!, scores }], 8);
      expect([first!.blocks, second!.blocks]).toEqual([9, 8]);
    }
  });

  it("lets layers compete for one number of blocks", () => {
    const [strong, weak] = [BlockLayout.dense(2, 2, 4), BlockLayout.dense(3, 2, 4)];
    const layouts = dropWeakest(
      [
        { layout: strong, scores: [10, 11, 12, 13] },
        { layout: weak, scores: [1, 2, 3, 4, 5, 6] },
      ],
      7,
    );
    expect(layouts.map(({ blocks }) => blocks)).toEqual([4, 3]);
    expect(layouts[1]!.deadRows()).toEqual([]);
  });

  it("goes by layer and place where scores are equal, so that it can be repeated", () => {
    const layouts = dropWeakest(
      [1, 2].map(() => ({ layout: BlockLayout.dense(2, 2, 4), scores: [1, 1, 1, 1] })),
      6,
    );
    expect(layouts.map((layout) => [...layout.mask()])).toEqual([
      [1, 1, 1, 1],
      [0, 1, 1, 0],
    ]);
  });

  it("refuses scores that are no numbers, and blocks of several sizes", () => {
    const layout = BlockLayout.dense(2, 2, 4);
    expect(() => dropWeakest([{ layout, scores: [1, NaN, 2, 3] }], 3)).toThrow(
      "dropWeakest: the score of block [0, 1] is NaN; are the weights finite?",
    );
    const other = { layout: BlockLayout.dense(2, 2, 8), scores: [1, 2, 3, 4] };
    expect(() => dropWeakest([{ layout, scores: [1, 2, 3, 4] }, other], 4)).toThrow(
      "dropWeakest: expected layers with blocks of one size, whose scores can be compared, got 4 and 8; prune by layer",
    );
  });
});

it("addRandomBlocks keeps the blocks that are there, and follows from its seed", () => {
  const layout = layoutOf("x..", ".x.", "..x");
  const grown = addRandomBlocks(layout, 6, 1);
  expect(grown.blocks).toBe(6);
  expect(layout.mask().every((one, at) => one <= grown.mask()[at]!)).toBe(true);
  expect(addRandomBlocks(layout, 6, 1).equals(grown)).toBe(true);
  expect([1, 2, 3, 4].some((seed) => !addRandomBlocks(layout, 6, seed).equals(grown))).toBe(true);
  expect([addRandomBlocks(layout, 99, 1).blocks, addRandomBlocks(layout, 2, 1).blocks]).toEqual([9, 3]);
});
