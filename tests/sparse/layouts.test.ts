// Rules that place blocks, as patterns of a patcher use them.
import { Linear, Sequential } from "@tessera/nn";
import {
  balanced,
  banded,
  BlockSparseModelPatcher,
  butterfly,
  erdosRenyiDensities,
  layouts,
  localGlobal,
  nOfM,
  ownMask,
  perHead,
  readMasks,
  type BlockLayout,
  type LayoutName,
  type LayoutRequest,
  type PatchOptions,
} from "@tessera/sparse";
import { Generator, tensor, writeSafetensors } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { normals } from "./oracle.ts";

const request = (rows: number, cols: number, density: number, scores = normals(rows * cols, 7)): LayoutRequest => ({
  name: "fc",
  shape: [rows * 8, cols * 8],
  blockSize: 8,
  rows,
  cols,
  density,
  blocks: Math.max(rows, cols, Math.round(density * rows * cols)),
  balanced: false,
  seed: 3,
  scores: () => scores.map(Math.abs),
});

const picture = (mask: unknown, cols: number): string[] => {
  const flat = [...(mask as Uint8Array)];
  return Array.from({ length: flat.length / cols }, (_, row) =>
    flat
      .slice(row * cols, (row + 1) * cols)
      .map((one) => (one ? "x" : "."))
      .join(""),
  );
};

const countsOf = (mask: unknown, rows: number, cols: number): { rows: number[]; cols: number[] } => {
  const flat = mask as Uint8Array;
  const sum = (length: number, at: (i: number, j: number) => number, other: number): number[] =>
    Array.from({ length }, (_, i) =>
      Array.from({ length: other }, (_, j) => flat[at(i, j)]!).reduce((a, b) => a + b, 0),
    );
  return { rows: sum(rows, (i, j) => i * cols + j, cols), cols: sum(cols, (i, j) => j * cols + i, rows) };
};

describe("layouts", () => {
  it.each(Object.keys(layouts) as LayoutName[])("%s fills every row and column, on grids of any shape", (name) => {
    for (const [rows, cols] of [
      [8, 8],
      [4, 16],
      [16, 4],
      [5, 7],
      [1, 3],
      [12, 12],
    ] as const)
      for (const density of [0, 0.25, 0.5, 0.8, 1]) {
        // One of four blocks of the only row cannot fill three columns.
        if (name === "nOfM" && rows === 1 && density < 1) continue;
        const asked = request(rows, cols, density);
        const mask = layouts[name]().mask(asked);
        const counts = countsOf(mask, rows, cols);
        const where = `${name} at ${density} on ${rows} × ${cols}`;
        expect(Math.min(...counts.rows, ...counts.cols), where).toBeGreaterThan(0);
        const blocks = counts.rows.reduce((a, b) => a + b, 0);
        if (name !== "nOfM") expect(blocks, where).toBe(asked.blocks);
        if (density === 1) expect(blocks, where).toBe(rows * cols);
      }
  });

  it("banded is the diagonal, and its neighbours", () => {
    expect(picture(banded().mask(request(4, 4, 10 / 16)), 4)).toEqual(["xx..", "xxx.", ".xxx", "..xx"]);
    // Stretched to the corners of a grid that is no square.
    expect(picture(banded().mask(request(2, 6, 0.5)), 6)).toEqual(["xxx...", "...xxx"]);
  });

  it("butterfly joins i with i ⊕ 2ᵏ, small strides first", () => {
    expect(picture(butterfly().mask(request(8, 8, 2 / 8)), 8)).toEqual([
      "xx......",
      "xx......",
      "..xx....",
      "..xx....",
      "....xx..",
      "....xx..",
      "......xx",
      "......xx",
    ]);
    expect(picture(butterfly().mask(request(8, 8, 4 / 8)), 8)).toEqual([
      "xxx.x...",
      "xx.x.x..",
      "x.xx..x.",
      ".xxx...x",
      "x...xxx.",
      ".x..xx.x",
      "..x.x.xx",
      "...x.xxx",
    ]);
  });

  it("localGlobal has whole rows and columns beside its band", () => {
    expect(picture(localGlobal().mask(request(5, 5, 13 / 25)), 5)).toEqual([
      "xxxxx",
      "xx...",
      "x.x..",
      "x..x.",
      "x...x",
    ]);
    const wider = picture(localGlobal({ globals: 2 }).mask(request(6, 6, 26 / 36)), 6);
    expect([wider[0], wider[1], wider.map((row) => row.slice(0, 2))]).toEqual([
      "xxxxxx",
      "xxxxxx",
      new Array(6).fill("xx"),
    ]);
    expect(() => localGlobal({ globals: -1 })).toThrow(
      "localGlobal: expected a whole number of rows and columns from 0 up, got -1",
    );
  });

  it("nOfM keeps the best n of every m blocks of a row", () => {
    // They fill the columns already.
    const scores = Float32Array.from([9, 1, 8, 2, 5, 6, 1, 2, 1, 9, 2, 8, 1, 2, 7, 6]);
    const mask = nOfM({ m: 4 }).mask(request(2, 8, 0.5, scores));
    expect(picture(mask, 8)).toEqual(["x.x.xx..", ".x.x..xx"]);
    for (const density of [0.25, 0.5, 0.75]) {
      const { rows } = countsOf(nOfM({ m: 4 }).mask(request(6, 8, density)), 6, 8);
      expect(rows).toEqual(new Array(6).fill(8 * density));
    }
    expect(() => nOfM({ m: 1 })).toThrow("nOfM: expected groups of a whole number of blocks from 2 up, got 1");
  });

  it("balanced follows from its seed, not from the weights", () => {
    const mask = (seed: number, scale: number) =>
      picture(balanced().mask({ ...request(8, 8, 0.5), seed, scores: () => normals(64, scale) }), 8);
    expect(mask(1, 1)).toEqual(mask(1, 2));
    expect(mask(1, 1)).not.toEqual(mask(2, 1));
  });
});

describe("perHead", () => {
  it("gives every head its share, its best blocks, in rows or in columns", () => {
    for (const axis of ["rows", "columns"] as const) {
      const asked = request(8, 8, 0.5);
      const mask = perHead({ heads: 4, axis }).mask(asked) as Uint8Array;
      const turned = axis === "rows" ? mask : mask.map((_, at) => mask[(at % 8) * 8 + Math.floor(at / 8)]!);
      for (let head = 0; head < 4; head++)
        expect(turned.slice(head * 16, (head + 1) * 16).reduce((a, b) => a + b, 0)).toBe(8);
      const { rows, cols } = countsOf(mask, 8, 8);
      expect(Math.min(...rows, ...cols)).toBeGreaterThan(0);
      const best = asked.scores() as Float32Array;
      expect(mask[best.indexOf(Math.max(...best))]).toBe(1);
    }
  });

  it("keeps whole heads by their scores", () => {
    const scores = Float32Array.from({ length: 64 }, (_, at) => [1, 4, 2, 3][Math.floor(at / 16)]!);
    const mask = perHead({ heads: 4, whole: true }).mask(request(8, 8, 0.5, scores));
    expect(countsOf(mask, 8, 8).rows).toEqual([0, 0, 8, 8, 0, 0, 8, 8]);
  });

  it("refuses heads that fall between blocks", () => {
    expect(() => perHead({ heads: 16 }).mask(request(8, 8, 0.5))).toThrow(
      "perHead: expected heads whose size is a multiple of the block size 8, got 16 heads of 4; use a smaller blockSize",
    );
  });
});

const net = (): Sequential => {
  const generator = new Generator(1);
  return new Sequential(new Linear(20, 24, { generator }), new Linear(24, 20, { generator }));
};
const planned = (options: PatchOptions, pattern: RegExp | string = "0"): readonly BlockLayout[] => {
  const model = net();
  const plan = new BlockSparseModelPatcher().addPattern(pattern, { blockSize: 8, ...options }).plan(model);
  model.dispose();
  return plan.layers.map(({ layout }) => layout);
};

describe("ownMask", () => {
  // 24 × 20 in blocks of 8: a grid of 3 × 3.
  const rows = [
    [1, 0, 0],
    [0, 0, 1],
    [0, 0, 0],
  ];
  const wanted = rows.flat();
  const elements = Float32Array.from({ length: 24 * 20 }, (_, at) => {
    const [o, i] = [Math.floor(at / 20), at % 20];
    return (o === 5 && i === 7) || (o === 8 && i === 19) ? -0.5 : 0;
  });

  it("is taken as arrays, as a tensor of blocks or of elements, as a function, and from files", () => {
    const [blocks, dense] = [tensor(rows), tensor(elements, [24, 20])];
    const json = new TextEncoder().encode(JSON.stringify({ "0": rows, "1": rows }));
    const file = writeSafetensors(
      new Map([["0", { shape: [3, 3], dtype: "int32", data: Int32Array.from(wanted) }]] as const),
    );
    for (const layout of [
      ownMask(rows),
      ownMask(Uint8Array.from(wanted)),
      ownMask(blocks),
      ownMask(dense),
      ownMask(({ name, cols }) => (name === "0" && cols === 3 ? blocks : rows)),
      ownMask(readMasks(json)),
      ownMask(readMasks(file)),
    ])
      expect([...planned({ layout })[0]!.mask()]).toEqual(wanted);
    for (const each of [blocks, dense]) each.dispose();
  });

  it("is refused where it does not fit, by text", () => {
    expect(() => planned({ layout: ownMask(readMasks(new TextEncoder().encode('{"other": [[1]]}'))) })).toThrow(
      '0: ownMask: expected a mask of "0", there is other',
    );
    const small = tensor([[1, 0]]);
    expect(() => planned({ layout: ownMask(small) })).toThrow(
      "ownMask: expected a mask [3, 3] of blocks or [24, 20] of elements, got [1, 2]",
    );
    small.dispose();
    expect(() => planned({ layout: ownMask([[1, 2]]) })).toThrow("expected a mask of 3 rows and 3 columns of 0 and 1");
    expect(() => readMasks(new TextEncoder().encode('{"0": '))).toThrow(
      "readMasks: expected masks in JSON or safetensors",
    );
    expect(() => readMasks(new TextEncoder().encode('{"0": 5}'))).toThrow(
      'readMasks: expected rows of 0 and 1 for "0", got number; see the example',
    );
  });
});

describe("a pattern", () => {
  it("names its layout in the plan, and leaves the name out where it is the usual one", () => {
    const model = net();
    const plan = new BlockSparseModelPatcher()
      .addPattern("0", { density: 0.5, blockSize: 4, layout: "butterfly" })
      .addPattern("1", { density: 0.5, blockSize: 4, layout: "best" })
      .plan(model);
    expect(plan.layers.map(({ recipe }) => recipe.layout)).toEqual(["butterfly", undefined]);
    expect(String(plan)).toContain("butterfly, magnitude");
    model.dispose();
  });

  it("shares a density out by Erdős and Rényi", () => {
    const model = new Sequential(new Linear(128, 512), new Linear(128, 128));
    const plan = new BlockSparseModelPatcher()
      .addPattern(/[01]/, { density: 0.25, blockSize: 4, distribution: "erdosRenyi" })
      .plan(model);
    const [up, down] = plan.layers.map(({ layout }) => layout.density);
    expect(up).toBeCloseTo(0.2232, 3);
    expect(down).toBeCloseTo(0.3571, 3);
    const stored = plan.layers.reduce((sum, { layout }) => sum + layout.blocks * 16, 0);
    expect(stored / (512 * 128 + 128 * 128)).toBeCloseTo(0.25, 3);
    model.dispose();
  });

  it("refuses layouts and distributions that do not exist, and wants a density", () => {
    const add = (options: object) => () => new BlockSparseModelPatcher().addPattern("0", options);
    expect(add({ density: 0.5, layout: "diagonal" })).toThrow(
      'addPattern: expected the layout "best" or "balanced" or "nOfM" or "banded" or "butterfly" or "localGlobal", got "diagonal"; pass any other as a value',
    );
    expect(add({ density: 0.5, distribution: "gauss" })).toThrow(
      'addPattern: distribution is "uniform" or "erdosRenyi", got gauss',
    );
    expect(add({})).toThrow("addPattern: expected a density, got none; give one, or a layout that has its own");
  });
});

it("erdosRenyiDensities caps small layers at 1 and gives the rest to the others", () => {
  const layers = [
    { name: "large", shape: [256, 256] },
    { name: "small", shape: [8, 8] },
  ] as const;
  const densities = erdosRenyiDensities(layers, 0.5);
  expect(densities.get("small")).toBe(1);
  expect(densities.get("large")! * 256 ** 2 + 64).toBeCloseTo(0.5 * (256 ** 2 + 64), 6);
  expect([...erdosRenyiDensities(layers, 1).values()]).toEqual([1, 1]);
  expect(() => erdosRenyiDensities([], 0.5)).toThrow("erdosRenyiDensities: expected at least one layer, got none");
});
