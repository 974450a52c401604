import {
  bernoulli,
  defaultGenerator,
  dropout,
  Generator,
  manualSeed,
  narrow,
  ones,
  rand,
  randint,
  randn,
  scope,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

const draws = async (make: () => ReturnType<typeof rand>): Promise<number[]> => {
  const x = make();
  const data = [...(await x.data())];
  x.dispose();
  return data;
};
const moments = (x: readonly number[]): { mean: number; variance: number } => {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  return { mean, variance: x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length };
};

describe.each([oracle, ...devices])("random numbers on $name", (device) => {
  it("are those of the published generator", () =>
    withoutLeaks(async () => {
      // Known answers of Random123 for philox4x32-10 with counter and key zero: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
      const words = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8];
      expect(await draws(() => rand([4], { device, generator: new Generator(0) }))).toEqual(
        words.map((word) => (word >>> 8) / 2 ** 24),
      );
    }));

  it("have the moments of their distributions", () =>
    withoutLeaks(async () => {
      const generator = new Generator(11);
      const n = 100_000;
      const uniform = moments(await draws(() => rand([n], { device, generator })));
      expect(Math.abs(uniform.mean - 0.5)).toBeLessThan(0.005);
      expect(Math.abs(uniform.variance - 1 / 12)).toBeLessThan(0.001);
      const normal = moments(await draws(() => randn([n], { device, generator })));
      expect(Math.abs(normal.mean)).toBeLessThan(0.015);
      expect(Math.abs(normal.variance - 1)).toBeLessThan(0.02);
      const coin = moments(await draws(() => bernoulli(0.2, [n], { device, generator })));
      expect(Math.abs(coin.mean - 0.2)).toBeLessThan(0.006);
      const dice = await draws(() => randint(1, 7, [60_000], { device, generator }));
      for (let face = 1; face <= 6; face++)
        expect(Math.abs(dice.filter((x) => x === face).length - 10_000)).toBeLessThan(450);
    }));

  it("come again with their seed, and differ from draw to draw and seed to seed", () =>
    withoutLeaks(async () => {
      manualSeed(5);
      const first = await draws(() => randn([9], { device }));
      const second = await draws(() => randn([9], { device }));
      const { counter } = defaultGenerator.state();
      expect(counter).toBe(2);
      manualSeed(5);
      expect(await draws(() => randn([9], { device }))).toEqual(first);
      expect(second).not.toEqual(first);
      // A seed beyond 32 bits is another seed.
      expect(await draws(() => randn([9], { device, generator: new Generator(5 + 2 ** 32) }))).not.toEqual(first);
    }));

  it("of a longer tensor start with those of a shorter", () =>
    withoutLeaks(async () => {
      const long = await draws(() => rand([40_000], { device, generator: new Generator(9) }));
      const short = await draws(() => rand([17], { device, generator: new Generator(9) }));
      expect(long.slice(0, 17)).toEqual(short);
    }));

  it("fall on a view as on a tensor of its own", () =>
    withoutLeaks(async () => {
      const kept = (start: number, size: number): Promise<number[]> =>
        draws(() =>
          scope(() => {
            const x = narrow(ones([size], { device }), 0, start, 1001);
            return dropout(x, { p: 0.25, generator: new Generator(3) });
          }),
        );
      const whole = await kept(0, 1001);
      expect(new Set(whole)).toEqual(new Set([0, Math.fround(4 / 3)]));
      expect(await kept(3, 1010)).toEqual(whole);
      expect(await kept(8, 1010)).toEqual(whole);
    }));
});

it("refuses a seed that is not a whole number", () => {
  expect(() => new Generator(0.5)).toThrow("generator: a seed is a whole number from 0 to 2^53 - 1, got 0.5");
});
