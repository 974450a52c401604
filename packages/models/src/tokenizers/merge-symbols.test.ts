import { expect, test } from "vitest";
import { mergeSymbols, type MergeTable } from "./merge-symbols.ts";
import { PairTable } from "./pair-table.ts";

/** The definition: join the leftmost pair of lowest rank until none is left. */
const oracle = (symbols: number[], { ranks, results }: MergeTable): number[] => {
  const out = [...symbols];
  for (;;) {
    let best = Infinity;
    let at = -1;
    for (let i = 0; i + 1 < out.length; i++) {
      const rank = ranks.get(out[i]!, out[i + 1]!);
      if (rank >= 0 && rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return out;
    out.splice(at, 2, results[best]!);
  }
};

let seed = 1;
const random = (bound: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * bound);
};

/** Random merges over `alphabet` bytes, each of tokens that exist already. */
const randomMerges = (alphabet: number, count: number): MergeTable => {
  const ranks = new PairTable();
  const results: number[] = [];
  while (results.length < count) {
    const known = alphabet + results.length;
    const [left, right] = [random(known), random(known)];
    if (ranks.get(left, right) >= 0) continue;
    ranks.set(left, right, results.length);
    results.push(known);
  }
  return { ranks, results: Int32Array.from(results) };
};

test.each([0, 1, 2, 3, 20, 63, 64, 65, 66, 130, 500])(
  "words of %i symbols merge by rank, the leftmost first",
  (length) => {
    for (let round = 0; round < 30; round++) {
      const merges = randomMerges(2 + random(3), 60);
      const symbols = Array.from({ length }, () => random(2 + random(2)));
      const own = Int32Array.from(symbols);
      const count = mergeSymbols(own, length, merges);
      expect([...own.subarray(0, count)]).toEqual(oracle(symbols, merges));
    }
  },
);

test("a word of 300,000 symbols takes no square of them", () => {
  const ranks = new PairTable();
  ranks.set(0, 0, 0);
  ranks.set(1, 1, 1);
  const symbols = new Int32Array(300_000);
  // A scan for each merge would look at 2 · 10¹⁰ pairs, and the test would run into its time limit.
  expect(mergeSymbols(symbols, symbols.length, { ranks, results: Int32Array.of(1, 2) })).toBe(75_000);
  expect(new Set(symbols.subarray(0, 75_000))).toEqual(new Set([2]));
});

test("a table of pairs grows and overwrites", () => {
  const table = new PairTable();
  for (let a = 0; a < 100; a++) for (let b = 0; b < 100; b++) table.set(a, b, a * 100 + b);
  table.set(7, 9, 5);
  expect(table.size).toBe(10_000);
  expect([table.get(7, 9), table.get(9, 7), table.get(99, 99), table.get(100, 0)]).toEqual([5, 907, 9999, -1]);
});
