import { describe, expect, it } from "vitest";
import { BlockLayout } from "./block-layout.ts";

const layout = BlockLayout.fromMask(
  [
    [1, 0, 1, 0],
    [0, 0, 0, 0],
    [true, false, true, true],
  ],
  3,
  4,
  16,
);

/** Blocks in each row and in each column. */
const countsOf = ({ crowIndices, ccolIndices }: BlockLayout): [rows: number[], cols: number[]] => {
  const differences = (starts: Int32Array): number[] => [...starts.slice(1)].map((end, i) => end - starts[i]!);
  return [differences(crowIndices), differences(ccolIndices)];
};

describe("BlockLayout", () => {
  it("indexes a mask by rows and by columns", () => {
    expect([...layout.crowIndices]).toEqual([0, 2, 2, 5]);
    expect([...layout.colIndices]).toEqual([0, 2, 0, 2, 3]);
    expect([...layout.ccolIndices]).toEqual([0, 2, 2, 4, 5]);
    expect([...layout.rowIndices]).toEqual([0, 2, 0, 2, 2]);
    // The list by columns says (row 0, row 2) of column 0, …: blocks 0 and 2, 1 and 3, 4.
    expect([...layout.blockPermutation]).toEqual([0, 2, 1, 3, 4]);
  });

  it("gives the mask back, from nested and flat ones", () => {
    const flat = Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1);
    expect([...layout.mask()]).toEqual([...flat]);
    expect(BlockLayout.fromMask(flat, 3, 4, 16).equals(layout)).toBe(true);
    expect(BlockLayout.fromMask(flat, 4, 3, 16).equals(layout)).toBe(false);
    expect(BlockLayout.fromMask(flat, 3, 4, 8).equals(layout)).toBe(false);
    expect(new BlockLayout(layout).equals(layout)).toBe(true);
  });

  it("visits blocks in the order of the values", () => {
    const seen: number[][] = [];
    layout.forEachBlock((row, col, block) => seen.push([row, col, block]));
    expect(seen).toEqual([
      [0, 0, 0],
      [0, 2, 1],
      [2, 0, 2],
      [2, 2, 3],
      [2, 3, 4],
    ]);
  });

  it("reports the realised density and dead units", () => {
    expect(layout.density).toBeCloseTo(5 / 12, 12);
    expect([layout.deadRows(), layout.deadColumns()]).toEqual([[1], [1]]);
    const none = BlockLayout.fromMask(new Uint8Array(6), 2, 3, 4);
    expect([none.blocks, none.density, none.deadRows(), none.deadColumns()]).toEqual([0, 0, [0, 1], [0, 1, 2]]);
    expect(BlockLayout.dense(3, 2, 4).density).toBe(1);
  });

  it("prints a mosaic, two rows of blocks to a line", () => {
    expect(String(layout)).toBe("BlockLayout: 3 × 4 blocks of 16 × 16, 5 stored, density 0.4167\n▀·▀·\n▀·▀▀");
    expect(
      String(
        BlockLayout.fromMask(
          [
            [1, 1, 0],
            [1, 0, 1],
          ],
          2,
          3,
          4,
        ),
      ).split("\n")[1],
    ).toBe("█▀▄");
  });

  it("keeps its own copies", () => {
    const crowIndices = Int32Array.of(0, 1);
    const own = new BlockLayout({ rows: 1, cols: 1, blockSize: 4, crowIndices, colIndices: [0] });
    crowIndices[1] = 0;
    expect([...own.crowIndices]).toEqual([0, 1]);
  });

  const indices = { rows: 2, cols: 3, blockSize: 4, crowIndices: [0, 2, 3], colIndices: [0, 2, 1] };
  it.each([
    [{ ...indices, crowIndices: [0, 3] }, "BlockLayout: crowIndices has rows + 1 = 3 numbers, got 2"],
    [{ ...indices, crowIndices: [1, 2, 3] }, "BlockLayout: crowIndices starts at 0, got 1"],
    [{ ...indices, crowIndices: [0, 2, 4] }, "BlockLayout: crowIndices ends at the number of blocks, 3, got 4"],
    [
      { ...indices, crowIndices: [0, 4, 3] },
      "BlockLayout: crowIndices never falls and stays within 3, got 0 then 4 at row 0",
    ],
    [
      { ...indices, crowIndices: [0, -1, 3] },
      "BlockLayout: crowIndices never falls and stays within 3, got 0 then -1 at row 0",
    ],
    [
      { ...indices, crowIndices: [0, 1.5, 3] },
      "BlockLayout: crowIndices never falls and stays within 3, got 0 then 1.5 at row 0",
    ],
    [{ ...indices, colIndices: [0, 3, 1] }, "BlockLayout: block columns lie from 0 to 2, got 3 in row 0"],
    [{ ...indices, colIndices: [-1, 2, 1] }, "BlockLayout: block columns lie from 0 to 2, got -1 in row 0"],
    [{ ...indices, colIndices: [0, 0.5, 1] }, "BlockLayout: block columns lie from 0 to 2, got 0.5 in row 0"],
    [
      { ...indices, colIndices: [2, 0, 1] },
      "BlockLayout: block columns rise within a row, got 2 then 0 in row 0; sort them, and store no block twice",
    ],
    [
      { ...indices, colIndices: [1, 1, 1] },
      "BlockLayout: block columns rise within a row, got 1 then 1 in row 0; sort them, and store no block twice",
    ],
    [{ ...indices, rows: 0 }, "BlockLayout: rows is a whole number from 1 up, got 0"],
    [{ ...indices, cols: 1.5 }, "BlockLayout: cols is a whole number from 1 up, got 1.5"],
    [{ ...indices, blockSize: 2 }, "BlockLayout: a block size is a multiple of 4 from 4 to 64, got 2"],
    [{ ...indices, blockSize: 68 }, "BlockLayout: a block size is a multiple of 4 from 4 to 64, got 68"],
    [{ ...indices, blockSize: NaN }, "BlockLayout: a block size is a multiple of 4 from 4 to 64, got NaN"],
  ])("refuses %j", (bad, message) => {
    expect(() => new BlockLayout(bad)).toThrow(message);
  });

  it("refuses masks that are none, by text", () => {
    const expected = "BlockLayout.fromMask: expected a mask of 2 rows and 3 columns of 0 and 1, got";
    expect(() => BlockLayout.fromMask(new Uint8Array(5), 2, 3, 4)).toThrow(`${expected} 5 values`);
    expect(() => BlockLayout.fromMask([[1, 0, 0]], 2, 3, 4)).toThrow(`${expected} 1 rows`);
    expect(() =>
      BlockLayout.fromMask(
        [
          [1, 0, 0],
          [1, 0],
        ],
        2,
        3,
        4,
      ),
    ).toThrow(`${expected} 2 columns in row 1`);
    expect(() =>
      BlockLayout.fromMask(
        [
          [1, 0, 0],
          [1, 0, 2],
        ],
        2,
        3,
        4,
      ),
    ).toThrow(`${expected} the value 2`);
  });
});

describe("BlockLayout.balanced", () => {
  // Sizes at which uniform random placement leaves rows dead with probability 0.65 to 1.
  const shapes = [
    [512, 128, 32],
    [512, 128, 16],
    [1024, 256, 32],
    [128, 512, 32],
    [96, 160, 16],
    [60, 100, 20],
    [4, 4, 4],
    [65, 130, 64],
  ] as const;
  for (const [outFeatures, inFeatures, blockSize] of shapes)
    for (const density of [0, 0.1, 0.25, 0.37, 0.5, 0.9, 1])
      it(`leaves no row or column empty: ${outFeatures} × ${inFeatures} in ${blockSize}s at ${density}`, () => {
        for (let seed = 0; seed < 20; seed++) {
          const one = BlockLayout.balanced({ outFeatures, inFeatures, blockSize, density, seed });
          const [rows, cols] = countsOf(one);
          expect([one.deadRows(), one.deadColumns()]).toEqual([[], []]);
          expect(Math.max(...rows) - Math.min(...rows)).toBeLessThanOrEqual(1);
          expect(Math.max(...cols) - Math.min(...cols)).toBeLessThanOrEqual(1);
          const [R, C] = [Math.ceil(outFeatures / blockSize), Math.ceil(inFeatures / blockSize)];
          expect(one.blocks).toBe(Math.max(R, C, Math.round(density * R * C)));
        }
      });

  it("follows from its seed alone", () => {
    const make = (seed: number): BlockLayout =>
      BlockLayout.balanced({ outFeatures: 512, inFeatures: 128, blockSize: 16, density: 0.25, seed });
    expect(make(3).equals(make(3))).toBe(true);
    const different = new Set(Array.from({ length: 50 }, (_, seed) => make(seed).colIndices.join()));
    expect(different.size).toBe(50);
    // Both halves of a large seed count.
    expect(make(2 ** 40 + 1).equals(make(1))).toBe(false);
    expect(make(2 ** 53 - 1).blocks).toBe(64);
  });

  it("places every block somewhere, some time", () => {
    const hits = new Float64Array(16 * 4);
    for (let seed = 0; seed < 400; seed++)
      BlockLayout.balanced({ outFeatures: 512, inFeatures: 128, blockSize: 32, density: 0.25, seed })
        .mask()
        .forEach((one, at) => (hits[at]! += one));
    // A quarter of 400 each: four deviations are 35.
    for (const hit of hits) expect(Math.abs(hit - 100)).toBeLessThan(40);
  });

  it("refuses what is outside its domain, by text", () => {
    const good = { outFeatures: 64, inFeatures: 64, blockSize: 16, density: 0.5 };
    expect(() => BlockLayout.balanced({ ...good, density: 1.1 })).toThrow(
      "BlockLayout.balanced: a density lies from 0 to 1, got 1.1",
    );
    expect(() => BlockLayout.balanced({ ...good, density: NaN })).toThrow("a density lies from 0 to 1, got NaN");
    expect(() => BlockLayout.balanced({ ...good, outFeatures: 0 })).toThrow(
      "BlockLayout.balanced: outFeatures is a whole number from 1 up, got 0",
    );
    expect(() => BlockLayout.balanced({ ...good, seed: -1 })).toThrow(
      "a seed is a whole number from 0 to 2^53 - 1, got -1",
    );
    expect(() => BlockLayout.balanced({ ...good, blockSize: 30 })).toThrow(
      "a block size is a multiple of 4 from 4 to 64, got 30",
    );
  });
});
