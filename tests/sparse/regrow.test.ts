import { valueAndGrad } from "@tessera/autograd";
import { AdamW } from "@tessera/nn";
import { BlockLayout, BlockSparseLinear, regrow, type RegrowOptions } from "@tessera/sparse";
import { manualSeed, mean, scope, square, tensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { dataOf } from "../support/data-of.ts";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { normals } from "./oracle.ts";

const shape = [32, 40] as const;
const make = (density = 0.4, device: "cpu" | "reference" | object = "cpu"): BlockSparseLinear => {
  manualSeed(3);
  return new BlockSparseLinear(shape[1], shape[0], { density, blockSize: 8, seed: 1, device: device as never });
};

const train = (layer: BlockSparseLinear, optimizer: AdamW, steps: number): void => {
  for (let t = 0; t < steps; t++)
    scope(() => {
      const x = tensor(normals(5 * 40, t), [5, 40], { device: layer.values.device });
      optimizer.step(valueAndGrad(layer, (input: Tensor) => mean(square(layer.forward(input))))(x).grads);
    });
};

/** Blocks by place. */
const blocksOf = (layer: BlockSparseLinear, values: ArrayLike<number>): Map<string, number[]> => {
  const found = new Map<string, number[]>();
  layer.layout.forEachBlock((row, col, block) =>
    found.set(
      `${row},${col}`,
      Array.from({ length: 64 }, (_, i) => values[block * 64 + i]!),
    ),
  );
  return found;
};
const norm = (block: readonly number[]): number => block.reduce((sum, value) => sum + value * value, 0);

describe("regrow", () => {
  for (const device of [oracle, ...devices])
    it(`moves the weakest blocks and keeps the others, with their moments, on ${device.name}`, () =>
      withoutLeaks(async () => {
        const layer = make(0.4, device);
        const optimizers = [
          new AdamW(new Map([["values", layer.values]]), { lr: 0.01 }),
          new AdamW(new Map([["values", layer.values]]), { lr: 0.02 }),
        ] as const;
        const alone = new Map([["values", layer.values]]);
        for (const optimizer of optimizers)
          scope(() => {
            const only = { namedParameters: () => alone };
            optimizer.step(
              valueAndGrad(only, (x: Tensor) => mean(square(layer.forward(x))))(
                tensor(normals(5 * 40, 1), [5, 40], { device }),
              ).grads,
            );
          });
        const before = blocksOf(layer, await layer.values.data());
        const moments = await Promise.all(
          optimizers.map(async (optimizer) =>
            blocksOf(layer, await optimizer.stateDict().tensors.get("values.expAvg")!.data()),
          ),
        );
        const { values } = layer;

        const { dropped, grown } = await regrow(layer, { fraction: 0.25, seed: 7 }, ...optimizers);

        expect([dropped.length, grown.length, layer.layout.blocks, layer.values]).toEqual([2, 2, 8, values]);
        expect([layer.layout.deadRows(), layer.layout.deadColumns()]).toEqual([[], []]);
        const after = blocksOf(layer, await layer.values.data());
        const [gone, come] = [dropped.map(String), grown.map(String)];
        for (const place of gone) expect(after.has(place)).toBe(false);
        for (const place of come) {
          expect(before.has(place)).toBe(false);
          expect(norm(after.get(place)!)).toBe(0);
        }
        for (const [place, block] of after) if (!come.includes(place)) expect(block).toEqual(before.get(place));
        // Nothing that could have gone was weaker.
        const strongest = Math.max(...gone.map((place) => norm(before.get(place)!)));
        const spared = [...before].filter(([place]) => !gone.includes(place));
        const weaker = spared
          .filter(([, block]) => norm(block) < strongest)
          .map(([place]) => place.split(",").map(Number) as [number, number]);
        for (const [row, col] of weaker) {
          const others = (one: number, axis: 0 | 1): number =>
            [...after.keys()].filter((place) => Number(place.split(",")[axis]) === one && !come.includes(place)).length;
          expect(
            Math.min(others(row, 0), others(col, 1)),
            `block ${row}, ${col} is the last of its row or column`,
          ).toBe(1);
        }
        // Every optimiser, not the first alone.
        for (const [i, optimizer] of optimizers.entries()) {
          const now = blocksOf(layer, await optimizer.stateDict().tensors.get("values.expAvg")!.data());
          for (const [place, block] of now)
            expect(block).toEqual(come.includes(place) ? new Array(64).fill(0) : moments[i]!.get(place));
        }
        for (const owner of [...optimizers, layer]) owner.dispose();
      }));

  it("lets training go on", () =>
    withoutLeaks(async () => {
      const layer = make();
      const optimizer = new AdamW(layer.namedParameters(), { lr: 0.01 });
      for (let round = 0; round < 5; round++) {
        train(layer, optimizer, 3);
        const { grown } = await regrow(layer, { fraction: 0.3, seed: round }, optimizer);
        train(layer, optimizer, 1);
        const blocks = blocksOf(layer, await layer.values.data());
        for (const place of grown) expect(norm(blocks.get(String(place))!)).toBeGreaterThan(0);
      }
      for (const owner of [optimizer, layer]) owner.dispose();
    }));

  it("grows where the scores are highest", async () => {
    const layer = make();
    const free = [...layer.layout.mask()].flatMap((one, at) => (one ? [] : [at]));
    const best = [free[5]!, free[2]!];
    const scores = Float64Array.from({ length: 20 }, (_, at) =>
      at === best[0] ? 9 : at === best[1] ? 8 : layer.layout.mask()[at] ? 100 : at / 100,
    );
    const { grown } = await regrow(layer, { fraction: 0.25, grow: scores });
    expect(grown.map(([row, col]) => row * 5 + col)).toEqual(best);
    layer.dispose();
  });

  it("keeps rows equal when asked", async () => {
    const counts = ({ layout: { crowIndices } }: BlockSparseLinear): number[] =>
      [...crowIndices.slice(1)].map((end, row) => end - crowIndices[row]!);
    const layer = new BlockSparseLinear(64, 64, { density: 0.5, blockSize: 8, seed: 1 });
    const before = counts(layer);
    for (let seed = 0; seed < 5; seed++)
      expect((await regrow(layer, { fraction: 0.3, balanced: true, seed })).grown.length).toBeGreaterThan(5);
    expect(counts(layer)).toEqual(before);
    layer.dispose();
  });

  it("starts new blocks as in a new layer when asked: not all with one number", async () => {
    const layer = make();
    const { grown } = await regrow(layer, { fraction: 0.25, init: "uniform", seed: 2 });
    const blocks = blocksOf(layer, await layer.values.data());
    const drawn = grown.map((place) => blocks.get(String(place))!);
    for (const block of drawn) {
      expect(new Set(block).size).toBeGreaterThan(60);
      expect(Math.max(...block.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(8));
      expect(Math.min(...block)).toBeLessThan(0);
      expect(Math.max(...block)).toBeGreaterThan(0);
    }
    expect(drawn[0]).not.toEqual(drawn[1]);
    layer.dispose();
  });

  it("moves no more blocks than there are free places", async () => {
    const full = new BlockSparseLinear(32, 32, { density: 1, blockSize: 8, seed: 1 });
    expect(await regrow(full, { fraction: 0.5 })).toEqual({ dropped: [], grown: [] });
    const nearly = BlockLayout.fromMask(
      [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
        [1, 1, 1, 0],
      ],
      4,
      4,
      8,
    );
    const layer = new BlockSparseLinear(32, 32, { layout: nearly });
    expect((await regrow(layer, { fraction: 0.5 })).grown).toEqual([[3, 3]]);
    expect(layer.layout.blocks).toBe(15);
    const none = new BlockSparseLinear(16, 16, {
      mask: [
        [0, 0],
        [0, 0],
      ],
      blockSize: 8,
    });
    expect(await regrow(none, { fraction: 1 })).toEqual({ dropped: [], grown: [] });
    for (const owner of [full, layer, none]) owner.dispose();
  });

  it("leaves no row or column empty that was not, and the padding zero", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const layer = new BlockSparseLinear(37, 29, { density: 0.3, blockSize: 8, seed });
      await regrow(layer, { fraction: 1, init: "uniform", seed });
      expect([layer.layout.deadRows(), layer.layout.deadColumns()]).toEqual([[], []]);
      const [written] = await dataOf(() => [layer.toDense()]);
      expect((await layer.values.data()).filter((value: number) => value !== 0).length).toBe(
        written.filter((value: number) => value !== 0).length,
      );
      layer.dispose();
    }
  });

  it("follows from its seed", async () => {
    const moves = async (seed: number): Promise<string> => {
      const layer = make(0.4);
      const moved = JSON.stringify(await regrow(layer, { fraction: 0.5, seed }));
      layer.dispose();
      return moved;
    };
    expect(await moves(1)).toBe(await moves(1));
    expect(new Set(await Promise.all([1, 2, 3, 4, 5].map(moves))).size).toBeGreaterThan(1);
  });

  it("refuses what is outside its domain, by text, and changes nothing", () =>
    withoutLeaks(async () => {
      const [layer, other] = [make(), make()];
      const before = [layer.layout.colIndices.join(), (await layer.values.data()).join()].join();
      const bad = (options: RegrowOptions) => regrow(layer, options);
      await expect(bad({ fraction: 1.5 })).rejects.toThrow("regrow: a fraction lies from 0 to 1, got 1.5");
      await expect(bad({ fraction: 0.5, seed: -1 })).rejects.toThrow(
        "regrow: a seed is a whole number from 0 to 2^53 - 1, got -1",
      );
      await expect(bad({ fraction: 0.5, grow: [1, 2, 3] })).rejects.toThrow(
        "regrow: expected 4 × 5 scores, got 3; give one for each block",
      );
      await expect(bad({ fraction: 0.5, grow: new Float64Array(20).fill(NaN) })).rejects.toThrow(
        "regrow: the score of block [0, 0] is NaN",
      );
      const optimizer = new AdamW(other.namedParameters(), { lr: 1 });
      await expect(regrow(layer, { fraction: 0.5 }, optimizer)).rejects.toThrow(
        "regrow: expected optimisers of the layer's values, got one that does not have them",
      );
      expect([layer.layout.colIndices.join(), (await layer.values.data()).join()].join()).toBe(before);
      for (const owner of [optimizer, layer, other]) owner.dispose();
    }));
});
