import { describe, expect, test } from "vitest";
import { IGNORE_INDEX, MlmCollator, type MlmCollatorOptions } from "./mlm-collator.ts";
import { SeededRandom } from "./seeded-random.ts";

const options: MlmCollatorOptions = {
  padTokenId: 1,
  maskTokenId: 4,
  vocabSize: 1000,
  specialTokenIds: new Set([0, 1, 2, 3, 4]),
};

/** `<s>`, ordinary ids that tell their place, `</s>`. */
const block = (length: number, from = 100): number[] => [
  0,
  ...Array.from({ length: length - 2 }, (_, i) => from + (i % 800)),
  2,
];
const blocks = (count: number, length: number): number[][] => Array.from({ length: count }, () => block(length));

test("labels are what stood there, and everything else is as it was", () => {
  const sequences = [block(30), block(12, 500), [0, 7, 3, 8, 2]];
  const { inputIds, attentionMask, labels, labelPositions, positionLabels, shape } = new MlmCollator({
    ...options,
    maskProbability: 0.4,
  }).collate(sequences, new SeededRandom(1));
  expect(shape).toEqual([3, 30]);
  expect(labelPositions).toHaveLength(3 * 12);
  const masked = new Set<number>();
  sequences.forEach((ids, row) => {
    for (let i = 0; i < 30; i++) {
      const at = row * 30 + i;
      expect(attentionMask[at]).toBe(i < ids.length ? 1 : 0);
      const original = ids[i] ?? 1;
      if (labels[at] === -100) expect(inputIds[at]).toBe(original);
      else {
        masked.add(at);
        expect(labels[at]).toBe(original);
        expect(original).toBeGreaterThan(4);
      }
    }
  });
  expect(masked.size).toBeGreaterThan(10);
  const real = [...labelPositions].slice(0, masked.size);
  expect(real).toEqual([...masked].sort((a, b) => a - b));
  expect([...positionLabels].slice(0, masked.size)).toEqual(real.map((at) => labels[at]));
  for (let i = masked.size; i < labelPositions.length; i++) {
    expect(labels[labelPositions[i]!]).toBe(-100);
    expect(positionLabels[i]).toBe(-100);
  }
});

describe("rates", () => {
  test.each([0.15, 0.3])("%f of the ordinary tokens, 80 / 10 / 10", (maskProbability) => {
    const collator = new MlmCollator({ ...options, maskProbability });
    const random = new SeededRandom(5, maskProbability === 0.3 ? "thirty" : "fifteen");
    const source = blocks(8, 63);
    const ordinary = 8 * 61;
    const rounds = 400;
    const perPlace = new Array<number>(63).fill(0);
    let [masked, kept, replaced, total] = [0, 0, 0, 0];
    for (let round = 0; round < rounds; round++) {
      const { inputIds, labels } = collator.collate(source, random);
      labels.forEach((label, at) => {
        if (label === -100) return;
        total++;
        perPlace[at % 63]!++;
        const id = inputIds[at]!;
        if (id === 4) masked++;
        else if (id === label) kept++;
        else {
          replaced++;
          // Never a special token.
          expect(id).toBeGreaterThan(4);
          expect(id).toBeLessThan(1000);
        }
      });
    }
    const expected = ordinary * rounds * maskProbability;
    // The count of a sequence varies by less than one, so that of 3,200 sequences by sqrt(3200) / 2 at most; six of those.
    expect(Math.abs(total - expected)).toBeLessThan(3 * Math.sqrt(8 * rounds));
    const deviation = (p: number): number => 6 * Math.sqrt(total * p * (1 - p));
    expect(Math.abs(masked - 0.8 * total)).toBeLessThan(deviation(0.8));
    expect(Math.abs(kept - 0.1 * total)).toBeLessThan(deviation(0.1));
    expect(Math.abs(replaced - 0.1 * total)).toBeLessThan(deviation(0.1));
    // Each place is as likely; the ends are special.
    expect([perPlace[0], perPlace[62]]).toEqual([0, 0]);
    const each = 8 * rounds * maskProbability;
    for (const seen of perPlace.slice(1, 62)) expect(Math.abs(seen - each)).toBeLessThan(6 * Math.sqrt(each));
  });

  test("the default is 15 %", () => {
    const { labels, labelPositions } = new MlmCollator(options).collate(blocks(4, 42), new SeededRandom(1));
    expect(labels.filter((label) => label !== -100)).toHaveLength(4 * 6);
    expect(labelPositions).toHaveLength(4 * Math.ceil(0.15 * 42));
  });

  test("random ids come from the whole vocabulary", () => {
    const collator = new MlmCollator({ ...options, vocabSize: 12, maskProbability: 1 });
    const ids = new Set<number>();
    const random = new SeededRandom(2);
    for (let round = 0; round < 40; round++) {
      for (const id of collator.collate([[0, ...new Array<number>(60).fill(5), 2]], random).inputIds) ids.add(id);
    }
    expect([...ids].sort((a, b) => a - b)).toEqual([0, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
});

test("the number of positions depends on the shape alone, and always suffices", () => {
  for (const maskProbability of [0.01, 0.15, 0.3, 0.5, 0.99, 1]) {
    const collator = new MlmCollator({ ...options, maskProbability });
    for (const length of [3, 4, 7, 22, 64]) {
      for (let round = 0; round < 20; round++) {
        const { labels, labelPositions } = collator.collate(blocks(3, length), new SeededRandom(round));
        expect(labelPositions).toHaveLength(3 * Math.ceil(maskProbability * length));
        const positions = new Set([...labelPositions].filter((at) => labels[at] !== -100));
        expect(positions.size).toBe(labels.filter((label) => label !== -100).length);
        expect(positions.size).toBeGreaterThan(0);
      }
    }
  }
});

test("every token may be masked at once", () => {
  const { labels, labelPositions } = new MlmCollator({ ...options, maskProbability: 1 }).collate(
    [[5, 6, 7]],
    new SeededRandom(1),
  );
  expect([labels, labelPositions]).toEqual([Int32Array.of(5, 6, 7), Int32Array.of(0, 1, 2)]);
});

test("the generator decides everything", () => {
  const collator = new MlmCollator(options);
  const batch = (...key: (number | string)[]): unknown => collator.collate(blocks(4, 64), new SeededRandom(...key));
  expect(batch(1, "mask", 7)).toEqual(batch(1, "mask", 7));
  expect(batch(1, "mask", 8)).not.toEqual(batch(1, "mask", 7));
});

test("what came in is not changed", () => {
  const source = Int32Array.from(block(64));
  const before = source.slice();
  new MlmCollator(options).collate([source], new SeededRandom(1));
  expect(source).toEqual(before);
});

test("errors say what is wrong", () => {
  for (const maskProbability of [0, -0.1, 1.1, NaN]) {
    expect(() => new MlmCollator({ ...options, maskProbability })).toThrow(
      `MlmCollator: expected maskProbability in (0, 1], got ${maskProbability}; use 0.15`,
    );
  }
  expect(() => new MlmCollator({ ...options, vocabSize: 5 })).toThrow(/expected ordinary tokens in a vocabulary of 5/);
  const collator = new MlmCollator(options);
  expect(() => collator.collate([[0, 2]], new SeededRandom(1))).toThrow(
    "MlmCollator: expected a token that can be masked, got special tokens alone; skip empty texts",
  );
  expect(() => collator.collate([[0, 1000, 2]], new SeededRandom(1))).toThrow(
    "MlmCollator: expected ids in 0 … 999, got 1000; is the tokenizer another model's?",
  );
  expect(() => collator.collate([], new SeededRandom(1))).toThrow(/expected at least one sequence, got none/);
});

describe("rows longer than a call has room for arguments", () => {
  const collate = (length: number, maskProbability: number) =>
    new MlmCollator({
      maskTokenId: 4,
      padTokenId: 1,
      vocabSize: 50,
      specialTokenIds: new Set([0, 1, 2, 3, 4]),
      maskProbability,
    }).collate([new Int32Array(length).fill(7)], new SeededRandom(1));
  const masked = (labels: Int32Array): number => labels.reduce((n, label) => n + (label === IGNORE_INDEX ? 0 : 1), 0);

  test("one row of 200,000 tokens", () => {
    expect([30000, 30001]).toContain(masked(collate(200_000, 0.15).labels));
  });

  test("150,000 tokens masked at once", () => {
    const { labels, labelPositions } = collate(150_000, 1);
    expect([masked(labels), labelPositions.length]).toEqual([150_000, 150_000]);
  });
});
