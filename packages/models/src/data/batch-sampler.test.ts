import { describe, expect, test } from "vitest";
import { BatchSampler, type BatchSamplerOptions, type BatchSamplerState } from "./batch-sampler.ts";
import { SeededRandom } from "./seeded-random.ts";

const epoch = (sampler: BatchSampler): number[][] =>
  Array.from({ length: sampler.batchesPerEpoch }, () => [...sampler.next()]);
const random = new SeededRandom(11);
const lengths = Int32Array.from({ length: 1003 }, () => 3 + random.nextInt(60));

const kinds: [name: string, options: BatchSamplerOptions][] = [
  ["shuffled", { size: 1003, batchSize: 8, seed: 1 }],
  ["grouped by length", { size: 1003, batchSize: 8, seed: 1, lengths }],
  ["in order", { size: 1003, batchSize: 8, seed: 1, shuffle: false }],
  ["without the last batch", { size: 1003, batchSize: 8, seed: 1, dropLast: true, lengths }],
];

describe.each(kinds)("%s", (_, options) => {
  const { dropLast = false, shuffle = true } = options;

  test("an epoch takes each example once", () => {
    const sampler = new BatchSampler(options);
    for (let round = 0; round < 3; round++) {
      const batches = epoch(sampler);
      expect(batches).toHaveLength(dropLast ? 125 : 126);
      expect(batches.map((batch) => batch.length)).toEqual([
        ...new Array<number>(125).fill(8),
        ...(dropLast ? [] : [3]),
      ]);
      const seen = batches.flat();
      expect(new Set(seen).size).toBe(dropLast ? 1000 : 1003);
      expect(seen.every((index) => index >= 0 && index < 1003)).toBe(true);
    }
  });

  test("seed and epoch decide the order", () => {
    const [a, b, c] = [new BatchSampler(options), new BatchSampler(options), new BatchSampler({ ...options, seed: 2 })];
    const first = epoch(a);
    expect(epoch(b)).toEqual(first);
    if (shuffle) {
      expect(epoch(a)).not.toEqual(first);
      expect(epoch(c)).not.toEqual(first);
    } else {
      expect(epoch(a)).toEqual(first);
      expect(first.flat()).toEqual(Array.from({ length: 1003 }, (_, i) => i));
    }
  });

  test.each([0, 1, 77, 124, 125, 126, 127, 300])("goes on exactly after %i batches", (taken) => {
    const whole = new BatchSampler(options);
    for (let i = 0; i < taken; i++) whole.next();
    const saved = JSON.stringify(whole.state);
    const resumed = new BatchSampler(options);
    resumed.next();
    resumed.load(JSON.parse(saved) as BatchSamplerState);
    expect(JSON.stringify(resumed.state)).toBe(saved);
    for (let i = 0; i < 200; i++) expect(resumed.next()).toEqual(whole.next());
  });
});

test("the state is seed, epoch and position", () => {
  const sampler = new BatchSampler({ size: 10, batchSize: 4, seed: 5 });
  expect(sampler.state).toEqual({ seed: 5, epoch: 0, position: 0 });
  sampler.next();
  expect(sampler.state).toEqual({ seed: 5, epoch: 0, position: 1 });
  sampler.next();
  sampler.next();
  expect(sampler.state).toEqual({ seed: 5, epoch: 1, position: 0 });
});

test("grouping by length saves most of the padding, and keeps the batches mixed", () => {
  const padding = (options: BatchSamplerOptions): number =>
    epoch(new BatchSampler(options)).reduce((sum, batch) => {
      const own = batch.map((i) => lengths[i]!);
      return sum + Math.max(...own) * own.length - own.reduce((a, b) => a + b, 0);
    }, 0);
  const grouped = { size: 1003, batchSize: 8, seed: 1, lengths };
  expect(padding(grouped)).toBeLessThan(padding({ size: 1003, batchSize: 8, seed: 1 }) / 10);
  const longest = epoch(new BatchSampler(grouped)).map((batch) => Math.max(...batch.map((i) => lengths[i]!)));
  // Neighbours would hardly differ if the sorted order had stayed.
  const steps = longest.slice(1).map((length, i) => Math.abs(length - longest[i]!));
  expect(steps.reduce((a, b) => a + b, 0) / steps.length).toBeGreaterThan(10);
});

test.each<[options: Partial<BatchSamplerOptions>, message: string]>([
  [{ size: 0 }, "BatchSampler: expected size and batchSize ≥ 1, got 0 and 4; is the data empty?"],
  [{ batchSize: 0 }, "BatchSampler: expected size and batchSize ≥ 1, got 10 and 0; is the data empty?"],
  [
    { batchSize: 11, dropLast: true },
    "BatchSampler: expected at least one whole batch of 11, got 10 examples; lower batchSize or keep the last batch",
  ],
  [{ lengths: [1, 2] }, "BatchSampler: expected a length for each of 10 examples, got 2; measure all of them"],
  [
    { lengths: new Array<number>(10).fill(1), shuffle: false },
    "BatchSampler: expected shuffle with lengths, got shuffle: false; drop one of them",
  ],
])("%j is an error", (options, message) => {
  expect(() => new BatchSampler({ size: 10, batchSize: 4, seed: 1, ...options })).toThrow(
    expect.objectContaining({ name: "DataError", message }),
  );
});

test("a state of other data is refused", () => {
  const sampler = new BatchSampler({ size: 10, batchSize: 4, seed: 1 });
  expect(() => sampler.load({ seed: 2, epoch: 0, position: 0 })).toThrow(
    "BatchSampler.load: expected seed 1, got 2; make the sampler with that seed",
  );
  for (const [epochs, position] of [
    [0, 3],
    [-1, 0],
    [0, -1],
    [0.5, 0],
    [0, NaN],
  ] as const) {
    expect(() => sampler.load({ seed: 1, epoch: epochs, position })).toThrow(
      `BatchSampler.load: expected epoch ≥ 0 and position < 3, got ${epochs} and ${position}; is it other data?`,
    );
  }
  expect(sampler.state).toEqual({ seed: 1, epoch: 0, position: 0 });
});
