import { describe, expect, it } from "vitest";
import { LayoutRandom } from "../layout-random.ts";
import { selectBlocks } from "./select-blocks.ts";

const sums = (mask: Uint8Array, rows: number, cols: number): [number[], number[]] => [
  Array.from({ length: rows }, (_, row) => mask.slice(row * cols, row * cols + cols).reduce((a, b) => a + b, 0)),
  Array.from({ length: cols }, (_, col) =>
    Array.from({ length: rows }, (_, row) => mask[row * cols + col]!).reduce((a, b) => a + b, 0),
  ),
];

describe("selectBlocks", () => {
  it("takes the best block of each empty row and column, then the best of the rest", () => {
    // prettier-ignore
    const scores = [
      9, 8, 7,
      1, 2, 0,
      6, 5, 4,
    ];
    // 9 fills row 0 and column 0, 8 column 1, 7 column 2, 6 row 2, 2 row 1.
    expect([...selectBlocks(scores, { rows: 3, cols: 3, blocks: 5 })]).toEqual([1, 1, 1, 0, 1, 0, 1, 0, 0]);
    expect([...selectBlocks(scores, { rows: 3, cols: 3, blocks: 6 })]).toEqual([1, 1, 1, 0, 1, 0, 1, 1, 0]);
    expect([...selectBlocks(scores, { rows: 3, cols: 3, blocks: 9 })]).toEqual(Array.from({ length: 9 }, () => 1));
  });

  it("fills rows and columns at once where blocks are scarce", () => {
    // prettier-ignore
    const scores = [
      9, 8, 7,
      1, 2, 0,
      6, 5, 4,
    ];
    // Three blocks for three rows and three columns: 9, then 5, then what is left.
    expect([...selectBlocks(scores, { rows: 3, cols: 3, blocks: 3 })]).toEqual([1, 0, 0, 0, 0, 1, 0, 1, 0]);
  });

  it("goes by position where scores are equal", () => {
    expect([...selectBlocks(new Float64Array(6), { rows: 2, cols: 3, blocks: 4 })]).toEqual([1, 1, 1, 1, 0, 0]);
  });

  it("with balanced, gives each row its own best ones, as many as the others", () => {
    // prettier-ignore
    const scores = [
      9, 8, 7, 6,
      1, 2, 3, 4,
    ];
    expect([...selectBlocks(scores, { rows: 2, cols: 4, blocks: 4, balanced: true })]).toEqual([
      1, 1, 0, 0, 0, 0, 1, 1,
    ]);
    // One more goes where the next best block is.
    expect([...selectBlocks(scores, { rows: 2, cols: 4, blocks: 5, balanced: true })]).toEqual([
      1, 1, 1, 0, 0, 0, 1, 1,
    ]);
  });

  it("with balanced, moves the cheapest block into an empty column", () => {
    // prettier-ignore
    const scores = [
      9, 8, 0,
      9, 5, 1,
    ];
    // Each row would take columns 0 and 1; row 1 loses less by having column 2 in place of column 1.
    expect([...selectBlocks(scores, { rows: 2, cols: 3, blocks: 4, balanced: true })]).toEqual([1, 1, 0, 1, 0, 1]);
  });

  for (const balanced of [false, true])
    it(`leaves no row or column empty and takes exactly as many as asked, balanced: ${balanced}`, () => {
      const random = new LayoutRandom(1);
      for (const [rows, cols] of [
        [1, 1],
        [1, 5],
        [5, 1],
        [4, 4],
        [3, 8],
        [8, 3],
        [16, 4],
      ] as const)
        for (let trial = 0; trial < 40; trial++) {
          // A few large rows and columns: the best blocks lie together.
          const scores = Float64Array.from(
            { length: rows * cols },
            (_, at) => random.uniform() + (Math.floor(at / cols) < 1 ? 9 : 0) + (at % cols < 1 ? 5 : 0),
          );
          const min = Math.max(rows, cols);
          const blocks = min + random.below(rows * cols - min + 1);
          const [byRow, byCol] = sums(selectBlocks(scores, { rows, cols, blocks, balanced }), rows, cols);
          expect(byRow.reduce((a, b) => a + b, 0)).toBe(blocks);
          expect(Math.min(...byRow, ...byCol)).toBeGreaterThan(0);
          if (balanced) expect(Math.max(...byRow) - Math.min(...byRow)).toBeLessThanOrEqual(1);
        }
    });

  it("takes infinite scores for what they are, and refuses NaN", () => {
    expect([...selectBlocks([Infinity, 0, -Infinity, 1], { rows: 2, cols: 2, blocks: 3 })]).toEqual([1, 1, 0, 1]);
    expect(
      [...selectBlocks([-Infinity, -Infinity, Infinity, 1], { rows: 2, cols: 2, blocks: 2, balanced: true })].reduce(
        (a, b) => a + b,
      ),
    ).toBe(2);
    expect(() => selectBlocks([1, NaN, 3, 4], { rows: 2, cols: 2, blocks: 2 })).toThrow(
      "selectBlocks: the score of block [0, 1] is NaN; are the weights finite?",
    );
  });

  it("refuses counts that do not fit, by text", () => {
    expect(() => selectBlocks([1, 2, 3], { rows: 2, cols: 2, blocks: 2 })).toThrow(
      "selectBlocks: expected 2 × 2 scores, got 3; give one for each block",
    );
    expect(() => selectBlocks([1, 2, 3, 4], { rows: 2, cols: 2, blocks: 1 })).toThrow(
      "selectBlocks: blocks is a whole number from 2 (one for each row and column) to 4, got 1",
    );
    expect(() => selectBlocks([1, 2, 3, 4], { rows: 2, cols: 2, blocks: 5 })).toThrow("to 4, got 5");
  });
});
