import { expect, test } from "vitest";
import { SeededRandom } from "./seeded-random.ts";

const take = (random: SeededRandom, count: number): number[] =>
  Array.from({ length: count }, () => random.nextUint32());

test("is xoshiro128**: the authors' C program gives these from the state 1, 2, 3, 4", () => {
  expect(take(SeededRandom.fromState([1, 2, 3, 4]), 10)).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ]);
});

test("the same key gives the same stream, any other another", () => {
  const keys = [[], [0], [1], [-1], [2 ** 32], [1, 0], [0, 1], [1, "a"], ["a", 1], ["ab"], ["a", "b"], [""], ["", ""]];
  const streams = keys.map((key) => take(new SeededRandom(...key), 4).join());
  expect(new Set(streams).size).toBe(keys.length);
  expect(keys.map((key) => take(new SeededRandom(...key), 4).join())).toEqual(streams);
});

test("the state goes through JSON and the stream goes on", () => {
  const random = new SeededRandom(7);
  take(random, 5);
  const saved = JSON.parse(JSON.stringify(random.state)) as typeof random.state;
  expect(take(SeededRandom.fromState(saved), 8)).toEqual(take(random, 8));
});

test("floats are uniform in [0, 1), whole numbers in [0, bound)", () => {
  const random = new SeededRandom(1, "uniform");
  const count = 60_000;
  const floats = Array.from({ length: count }, () => random.nextFloat());
  expect(floats.every((x) => x >= 0 && x < 1)).toBe(true);
  // Six standard deviations of the mean of so many uniforms.
  expect(Math.abs(floats.reduce((sum, x) => sum + x, 0) / count - 0.5)).toBeLessThan(6 * Math.sqrt(1 / 12 / count));
  const counts = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < count; i++) counts[random.nextInt(6)]!++;
  for (const seen of counts) expect(Math.abs(seen - count / 6)).toBeLessThan(6 * Math.sqrt((count * 5) / 36));
  // A bound of 3 · 2³⁰ would give the lowest third twice as often without the rejection.
  let low = 0;
  for (let i = 0; i < count; i++) if (random.nextInt(3 * 2 ** 30) < 2 ** 30) low++;
  expect(Math.abs(low - count / 3)).toBeLessThan(6 * Math.sqrt((count * 2) / 9));
});

test("a shuffle keeps the items, and each order is as likely", () => {
  const random = new SeededRandom(3);
  const orders = new Map<string, number>();
  for (let i = 0; i < 12_000; i++) {
    const order = random.shuffle(["a", "b", "c"]).join("");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  expect([...orders.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  for (const seen of orders.values()) expect(Math.abs(seen - 2000)).toBeLessThan(6 * Math.sqrt((12_000 * 5) / 36));
  expect(new SeededRandom(9).shuffle(Int32Array.of(1, 2, 3, 4, 5)).toSorted()).toEqual(Int32Array.of(1, 2, 3, 4, 5));
  expect(random.shuffle([])).toEqual([]);
});

test("errors say what is wrong", () => {
  expect(() => new SeededRandom(0.5)).toThrow("SeededRandom: expected whole numbers as seeds, got 0.5; round it");
  for (const bound of [0, -1, 1.5, NaN, 2 ** 33]) {
    expect(() => new SeededRandom(1).nextInt(bound)).toThrow(
      `SeededRandom.nextInt: expected a bound in 1 … 2³², got ${bound}; is the list empty?`,
    );
  }
});
