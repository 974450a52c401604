import { describe, expect, test } from "vitest";
import { DataLoader, type DataLoaderState } from "./data-loader.ts";
import { concatDatasets, datasetOf, mapDataset, randomSplit, subset, type IterableDataset } from "./dataset.ts";

const numbers = Array.from({ length: 23 }, (_, i) => i);
const all = async <B>(loader: AsyncIterable<B>): Promise<B[]> => {
  const batches: B[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
};
const stream = (count: number): IterableDataset<number> & { read: number } => ({
  read: 0,
  async *iterate(epoch) {
    for (let i = 0; i < count; i++) {
      this.read++;
      yield 100 * epoch + i;
    }
  },
});

describe("datasets", () => {
  test("are mapped, cut, joined, and split without a common example", async () => {
    const doubled = mapDataset(datasetOf(numbers), async (item) => 2 * item);
    expect(await doubled.get(5)).toBe(10);
    expect(await subset(doubled, [3, 1]).get(1)).toBe(2);
    const joined = concatDatasets(datasetOf([1, 2]), datasetOf<number>([]), datasetOf([3]));
    expect([joined.length, joined.get(0), joined.get(2)]).toEqual([3, 1, 3]);
    const parts = randomSplit(datasetOf(numbers), [0.5, 0.3, 0.2], 4);
    expect(parts.map(({ length }) => length)).toEqual([12, 7, 4]);
    const found = parts.flatMap((part) => Array.from({ length: part.length }, (_, i) => part.get(i) as number));
    expect(found).not.toEqual(numbers);
    expect([...found].sort((a, b) => a - b)).toEqual(numbers);
    expect(randomSplit(datasetOf(numbers), [20, 3], 4).map(({ length }) => length)).toEqual([20, 3]);
  });

  test("refuse what they do not have", () => {
    expect(() => datasetOf([1]).get(1)).toThrow("datasetOf: expected an index in 0 … 0, got 1");
    expect(() => subset(datasetOf([1]), [2])).toThrow("subset: expected an index in 0 … 0, got 2");
    expect(() => concatDatasets(datasetOf([1])).get(-1)).toThrow("concatDatasets: expected an index in 0 … 0, got -1");
    expect(() => randomSplit(datasetOf(numbers), [0.5, 0.3], 1)).toThrow(
      "randomSplit: expected counts that add up to 23, or shares that add up to 1, got 0.5, 0.3",
    );
  });
});

describe("batches", () => {
  test("in order, the last one as it is or left out", async () => {
    expect(await all(new DataLoader([1, 2, 3], { batchSize: 2 }))).toEqual([[1, 2], [3]]);
    expect(
      await all(new DataLoader(datasetOf([1, 2, 3]), { batchSize: 2, dropLast: true, shuffle: undefined })),
    ).toEqual([[1, 2]]);
    expect(await all(new DataLoader(stream(5), { batchSize: 2 }))).toEqual([[0, 1], [2, 3], [4]]);
    expect(await all(new DataLoader(stream(5), { batchSize: 2, dropLast: true }))).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(new DataLoader([1, 2, 3], { batchSize: 2 }).length).toBe(2);
    expect(new DataLoader(stream(1)).length).toBeUndefined();
  });

  test("in a new order each epoch, every example once", async () => {
    for (const data of [numbers, stream(23)]) {
      const loader = new DataLoader(data, { batchSize: 4, shuffle: true, seed: 7, shuffleBuffer: 5 });
      const [first, second] = [(await all(loader)).flat(), (await all(loader)).flat().map((item) => item % 100)];
      expect([...first].sort((a, b) => a - b)).toEqual(numbers);
      expect([...second].sort((a, b) => a - b)).toEqual(numbers);
      expect(first).not.toEqual(numbers);
      expect(second).not.toEqual(first);
    }
  });

  test.each([
    ["of indices", () => numbers],
    ["that is iterable", () => stream(23)],
  ])("go on where another loader of a dataset %s stood, what collate draws included", async (_, make) => {
    const options = {
      batchSize: 4,
      shuffle: true,
      seed: 3,
      shuffleBuffer: 6,
      collate: (items: number[], random: { nextUint32(): number }) => [...items, random.nextUint32()],
    };
    const whole = new DataLoader(make(), options);
    const expected = [...(await all(whole)), ...(await all(whole)), ...(await all(whole))];
    for (let stop = 0; stop <= 13; stop++) {
      const first = new DataLoader(make(), options);
      const got: number[][] = [];
      while (got.length < stop)
        for await (const batch of first) {
          got.push(batch);
          if (got.length === stop) break;
        }
      const saved = JSON.stringify(first.state);
      const second = new DataLoader(make(), { ...options, prefetch: stop % 4 });
      second.load(JSON.parse(saved) as DataLoaderState);
      while (got.length < expected.length) got.push(...(await all(second)));
      expect(got).toEqual(expected);
    }
  });

  test("are made ahead, as many as asked for, and in order", async () => {
    let running = 0;
    let max = 0;
    const slow = mapDataset(datasetOf(numbers), async (item) => {
      max = Math.max(max, ++running);
      await new Promise((resolve) => setTimeout(resolve, item % 2 ? 1 : 4));
      running--;
      return item;
    });
    expect((await all(new DataLoader(slow, { prefetch: 3 }))).flat()).toEqual(numbers);
    expect(max).toBe(4);
    max = 0;
    expect((await all(new DataLoader(slow, { prefetch: 0 }))).flat()).toEqual(numbers);
    expect(max).toBe(1);
  });

  test("end with the loop: the source is closed, and a failure comes at its batch", async () => {
    let closed = 0;
    const data: IterableDataset<number> = {
      *iterate() {
        try {
          for (let i = 0; ; i++) yield i;
        } finally {
          closed++;
        }
      },
    };
    for await (const batch of new DataLoader(data)) if (batch[0] === 3) break;
    expect(closed).toBe(1);
    const seen: number[][] = [];
    const failing = new DataLoader(numbers, {
      collate: (items) => {
        if (items[0] === 2) throw new Error("bad example");
        return items;
      },
    });
    const loop = async (): Promise<void> => {
      for await (const batch of failing) seen.push(batch);
    };
    await expect(loop()).rejects.toThrow("bad example");
    expect(seen).toEqual([[0], [1]]);
    expect(failing.state).toEqual({ seed: 0, epoch: 0, position: 2 });
  });

  test("of options that make no sense are refused", () => {
    expect(() => new DataLoader([])).toThrow(/is the data empty/);
    expect(() => new DataLoader([1], { batchSize: 0 })).toThrow(
      "DataLoader: expected batchSize to be a whole number ≥ 1, got 0",
    );
    expect(() => new DataLoader([1], { prefetch: -1 })).toThrow(/prefetch to be a whole number ≥ 0/);
    expect(() => new DataLoader(stream(2), { lengths: [1, 2] })).toThrow(
      /expected no lengths with an iterable dataset/,
    );
    expect(() => new DataLoader([1]).load({ seed: 1, epoch: 0, position: 0 })).toThrow(/expected seed 0, got 1/);
    expect(() => new DataLoader(stream(2)).load({ seed: 0, epoch: 0.5, position: 0 })).toThrow(/state's epoch/);
  });
});
