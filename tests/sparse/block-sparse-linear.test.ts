import { valueAndGrad } from "@tessera/autograd";
import { AdamW, Linear, Module, Sequential } from "@tessera/nn";
import { BlockLayout, BlockSparseLinear } from "@tessera/sparse";
import {
  Generator,
  manualSeed,
  mul,
  Parameter,
  randn,
  scope,
  square,
  sum,
  tensor,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { dataOf } from "../support/data-of.ts";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { holedLayout, masked, normals, worstError } from "./oracle.ts";

const allDevices = [oracle, ...devices];

describe("BlockSparseLinear", () => {
  it("takes the place of Linear", () =>
    withoutLeaks(() => {
      const fc = new BlockSparseLinear(1024, 256, { density: 0.1, seed: 1 });
      expect(scope(() => fc.forward(zeros([2, 3, 1024])).shape)).toEqual([2, 3, 256]);
      expect([fc.inFeatures, fc.outFeatures, fc.blockSize, fc.bias!.shape]).toEqual([1024, 256, 32, [256]]);
      // max(8, 32, round(0.1 · 256)) blocks
      expect(fc.layout.blocks).toBe(32);
      expect(fc.numParameters()).toBe(32 * 32 * 32 + 256);
      expect(String(fc)).toBe(
        "BlockSparseLinear(inFeatures=1024, outFeatures=256, bias=true, blockSize=32, density=0.125 (32 of 256 blocks))",
      );
      expect([...fc.namedParameters().keys()]).toEqual(["values", "bias"]);
      expect([...fc.stateDict().keys()]).toEqual(["values", "bias", "crowIndices", "colIndices"]);
      fc.dispose();
    }));

  it("reports dead units", () => {
    const layout = BlockLayout.fromMask(
      [
        [1, 0, 1],
        [0, 0, 0],
      ],
      2,
      3,
      8,
    );
    const fc = new BlockSparseLinear(24, 16, { layout, bias: false, activation: "gelu" });
    expect(fc.extraRepr()).toBe(
      'inFeatures=24, outFeatures=16, bias=false, blockSize=8, density=0.3333 (2 of 6 blocks), deadRows=1, deadColumns=1, activation="gelu"',
    );
    fc.dispose();
  });

  it("counts only what lies inside a ragged matrix", () => {
    // 19 × 21 in blocks of 8: the last row of blocks has 3 rows, the last column 5 columns.
    const layout = BlockLayout.fromMask(
      [
        [1, 0, 1],
        [0, 1, 0],
        [1, 0, 1],
      ],
      3,
      3,
      8,
    );
    const fc = new BlockSparseLinear(21, 19, { layout });
    expect(fc.values.numel()).toBe(5 * 64);
    expect(fc.numParameters()).toBe(8 * 8 + 8 * 5 + 8 * 8 + 3 * 8 + 3 * 5 + 19);
    fc.dispose();
    // A model counts through the same door.
    const model = new Sequential(new BlockSparseLinear(21, 19, { layout }));
    expect(model.numParameters()).toBe(8 * 8 + 8 * 5 + 8 * 8 + 3 * 8 + 3 * 5 + 19);
    model.dispose();
  });

  it("starts each row within ±1/√n of the inputs it sees, and has no weight outside", async () => {
    // Rows of blocks with 1, 4, 2 and 0 blocks; the last column of blocks is 5 wide.
    const mask = [
      [1, 0, 0, 0],
      [1, 1, 1, 1],
      [0, 0, 1, 1],
      [0, 0, 0, 0],
    ];
    const layout = BlockLayout.fromMask(mask, 4, 4, 16);
    const shape = [4 * 16 - 2, 3 * 16 + 5] as const;
    const fanIn = [16, 53, 21, 0];
    const fc = new BlockSparseLinear(shape[1], shape[0], { layout, generator: new Generator(7) });
    const values = await fc.values.data();
    const bias = await fc.bias!.data();
    const byRow: number[][] = [[], [], [], []];
    layout.forEachBlock((row, col, block) => {
      for (let i = 0; i < 16; i++)
        for (let j = 0; j < 16; j++) {
          const value = values[(block * 16 + i) * 16 + j]!;
          if (row * 16 + i < shape[0] && col * 16 + j < shape[1]) byRow[row]!.push(value);
          else expect(value).toBe(0);
        }
    });
    for (const [row, n] of fanIn.entries()) {
      const bound = n > 0 ? 1 / Math.sqrt(n) : 0;
      const biases = [...bias.subarray(row * 16, row * 16 + 16)];
      for (const value of [...byRow[row]!, ...biases]) expect(Math.abs(value)).toBeLessThanOrEqual(bound);
      if (n === 0) continue;
      // A uniform number in ±a has deviation a/√3: not that of N(0, 1), and not that of all the inputs.
      const deviation = Math.sqrt(byRow[row]!.reduce((total, value) => total + value * value, 0) / byRow[row]!.length);
      expect(deviation / (bound / Math.sqrt(3))).toBeGreaterThan(0.9);
      expect(deviation / (bound / Math.sqrt(3))).toBeLessThan(1.1);
      expect(Math.max(...biases.map(Math.abs))).toBeGreaterThan(bound / 2);
    }
    fc.dispose();
  });

  it("draws layouts and weights again from the same seed, and others from the next draw", async () => {
    const make = async (): Promise<[string, string]> => {
      const fc = new BlockSparseLinear(64, 64, { density: 0.3, blockSize: 8 });
      const read = [fc.layout.colIndices.join(), (await fc.values.data()).slice(0, 9).join()] as [string, string];
      fc.dispose();
      return read;
    };
    manualSeed(5);
    const [first, second] = [await make(), await make()];
    manualSeed(5);
    expect([await make(), await make()]).toEqual([first, second]);
    expect(second[0]).not.toBe(first[0]);
    expect(second[1]).not.toBe(first[1]);
    // The seed says where blocks are, whatever was drawn before.
    const seeded = [1, 2].map((skip) => {
      manualSeed(skip);
      const fc = new BlockSparseLinear(64, 64, { density: 0.3, blockSize: 8, seed: 11 });
      const layout = fc.layout.colIndices.join();
      fc.dispose();
      return layout;
    });
    expect(seeded[0]).toBe(seeded[1]);
  });

  for (const device of allDevices)
    it(`keeps blocks of a dense layer where they are, on ${device.name}`, () =>
      withoutLeaks(async () => {
        const shape = [19, 21] as const;
        const layout = holedLayout(3, 3, 8, 4);
        const dense = new Linear(21, 19, { device, activation: "gelu" });
        const sparse = BlockSparseLinear.fromLinear(dense, { layout });
        const [written] = await dataOf(() => [sparse.toDense()]);
        expect([...written]).toEqual([...masked(await dense.weight.data(), layout, shape)]);
        expect([...(await sparse.bias!.data())]).toEqual([...(await dense.bias!.data())]);
        expect(sparse.activation).toBe("gelu");
        const back = sparse.toLinear();
        const [got, want] = await dataOf(() => {
          const x = tensor(normals(5 * 21, 3), [5, 21], { device });
          return [sparse.forward(x), back.forward(x)];
        });
        expect(worstError(got, want)).toBeLessThanOrEqual(1e-6);
        // Copies: each outlives the others.
        dense.dispose();
        back.dispose();
        expect((await sparse.bias!.data()).length).toBe(19);
        sparse.dispose();
      }));

  for (const device of allDevices)
    it(`with every block is the dense layer, on ${device.name}`, () =>
      withoutLeaks(async () => {
        const dense = new Linear(40, 24, { device });
        const sparse = BlockSparseLinear.fromLinear(dense, { layout: BlockLayout.dense(3, 5, 8) });
        const [written, got, want] = await dataOf(() => {
          const x = tensor(normals(7 * 40, 3), [7, 40], { device });
          return [sparse.toDense(), sparse.forward(x), dense.forward(x)];
        });
        expect([...written]).toEqual([...(await dense.weight.data())]);
        expect(worstError(got, want)).toBeLessThanOrEqual(1e-6);
        dense.dispose();
        sparse.dispose();
      }));

  it("gives contiguous outputs and gradients, whatever the input's strides", () => {
    const fc = new BlockSparseLinear(24, 16, { blockSize: 8, seed: 1 });
    scope((): void => {
      const x = randn([24, 5]).transpose(0, 1);
      const { value, grads } = valueAndGrad((input: Tensor) => sum(square(fc.forward(input))))(x);
      expect([fc.forward(x).isContiguous(), grads.isContiguous(), value.ndim]).toEqual([true, true, 0]);
    });
    fc.dispose();
  });

  it("trains through a gradient that is zero everywhere", async () => {
    const fc = new BlockSparseLinear(16, 16, { blockSize: 8, seed: 1 });
    const optimizer = new AdamW(fc.namedParameters(), { lr: 0.1, weightDecay: 0 });
    const before = [...(await fc.values.data())];
    scope(() => optimizer.step(valueAndGrad(fc, (x: Tensor) => mul(sum(fc.forward(x)), 0))(randn([3, 16])).grads));
    expect([...(await fc.values.data())]).toEqual(before);
    optimizer.dispose();
    fc.dispose();
  });

  it("refuses what does not fit, by text", () => {
    const layout = BlockLayout.dense(2, 2, 16);
    expect(() => new BlockSparseLinear(64, 64, { layout })).toThrow(
      /a \[64, 64\] matrix has 4 × 4 blocks of 16, the layout 2 × 2; make one for this shape/,
    );
    expect(() => new BlockSparseLinear(32, 32, { layout, density: 0.5 })).toThrow(
      "BlockSparseLinear: a layout says which blocks there are; leave out density",
    );
    expect(() => new BlockSparseLinear(32, 32, { layout, mask: [[1]], blockSize: 16 })).toThrow(
      /leave out mask and blockSize/,
    );
    expect(() => new BlockSparseLinear(32, 32, { mask: [[1]], seed: 3 })).toThrow(
      "BlockSparseLinear: a mask says which blocks there are; leave out seed",
    );
    expect(() => new BlockSparseLinear(32, 32, { density: 1.5 })).toThrow("a density lies from 0 to 1, got 1.5");
    expect(() => new BlockSparseLinear(32, 32, { blockSize: 6 })).toThrow(
      "a block size is a multiple of 4 from 4 to 64, got 6",
    );
    expect(() => new BlockSparseLinear(32, 32, { blockSize: 128 })).toThrow(
      "a block size is a multiple of 4 from 4 to 64, got 128",
    );
    expect(() => new BlockSparseLinear(0, 32)).toThrow("inFeatures is a whole number from 1 up, got 0");
    scope((): void => {
      const values = new Parameter(zeros([3, 16, 16]));
      expect(() => new BlockSparseLinear(32, 32, { layout, values })).toThrow(
        "expected values float32 [4, 16, 16] for this layer, got float32 [3, 16, 16]",
      );
      expect(() => new BlockSparseLinear(32, 32, { values })).toThrow(
        "values come with the layout that they are in; give both",
      );
      values.dispose();
    });
    class Model extends Module {
      readonly fc = new BlockSparseLinear(32, 32, { layout });
      forward(x: Tensor): Tensor {
        return this.fc.forward(x);
      }
    }
    const model = new Model();
    scope(() =>
      expect(() => model.forward(zeros([2, 16]))).toThrow(
        /^fc: blockSparseLinear: expected x \[\.\.\., 32\] for the \[32, 32\] matrix, got \[2, 16\]/,
      ),
    );
    model.dispose();
  });
});
