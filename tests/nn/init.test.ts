import { Embedding, init, LayerNorm, Linear } from "@tessera/nn";
import { dispose, Generator, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const momentsOf = async (x: Tensor) => {
  const values = Array.from(await x.data());
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const std = Math.sqrt(values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length);
  return { mean, std, low: Math.min(...values), high: Math.max(...values) };
};

/** Uniform in ±bound: the extremes come close to it, the deviation is bound/√3. */
const isUniform = async (x: Tensor, bound: number): Promise<void> => {
  const { mean, std, low, high } = await momentsOf(x);
  expect(low).toBeGreaterThanOrEqual(-bound);
  expect(high).toBeLessThanOrEqual(bound);
  expect(high - low).toBeGreaterThan(1.98 * bound);
  expect(Math.abs(mean)).toBeLessThan(0.03 * bound);
  expect(Math.abs(std * Math.sqrt(3) - bound)).toBeLessThan(0.02 * bound);
};

/** Normal: about 1 of 370 lies beyond three deviations. */
const isNormal = async (x: Tensor, std: number): Promise<void> => {
  const got = await momentsOf(x);
  expect(Math.abs(got.mean)).toBeLessThan(0.03 * std);
  expect(Math.abs(got.std - std)).toBeLessThan(0.02 * std);
  const beyond = (await x.data()).filter((value) => Math.abs(value) > 3 * std).length / x.numel();
  expect(beyond).toBeGreaterThan(0.001);
  expect(beyond).toBeLessThan(0.005);
};

describe("calculateGain and calculateFans", () => {
  it("are torch's", () => {
    expect(
      ["linear", "sigmoid", "tanh", "relu", "selu"].map((name) => init.calculateGain(name as init.Nonlinearity)),
    ).toEqual([1, 1, 5 / 3, Math.SQRT2, 0.75]);
    expect(init.calculateGain("leakyRelu")).toBeCloseTo(1.4141428569978354, 12);
    expect(init.calculateGain("leakyRelu", 1)).toBe(1);
    expect(init.calculateFans([3, 5])).toEqual({ fanIn: 5, fanOut: 3 });
    expect(init.calculateFans([8, 4, 3, 3])).toEqual({ fanIn: 36, fanOut: 72 });
    expect(() => init.calculateFans([7])).toThrow(
      "init: expected a weight of at least two dims, got [7]; use uniform or normal",
    );
  });
});

onEveryDevice((device) => {
  const shape = [80, 160];
  const generator = () => new Generator(5);

  it("uniform and normal have the bounds, the mean and the deviation that were asked for", () =>
    withoutLeaks(async () => {
      const made = [
        init.uniform(shape, { low: -0.5, high: 0.5, generator: generator() }),
        init.normal(shape, { std: 0.02, generator: generator() }),
      ] as const;
      await isUniform(made[0], 0.5);
      await isNormal(made[1], 0.02);
      const shifted = [
        init.uniform(shape, { low: 4, high: 5, generator: generator() }),
        init.normal(shape, { mean: -3, generator: generator() }),
      ];
      expect((await momentsOf(shifted[0]!)).mean).toBeCloseTo(4.5, 1);
      expect((await momentsOf(shifted[1]!)).mean).toBeCloseTo(-3, 1);
      expect(() => init.normal([2], { std: -1 })).toThrow("init: expected a standard deviation of 0 or more, got -1");
      dispose([...made, ...shifted]);
    }));

  it("Xavier's and Kaiming's scales follow from the fans", () =>
    withoutLeaks(async () => {
      const on = { generator: generator() };
      const uniforms = [
        [init.xavierUniform(shape, on), Math.sqrt(6 / 240)],
        [init.xavierUniform(shape, { gain: 2, ...on }), 2 * Math.sqrt(6 / 240)],
        [init.kaimingUniform(shape, on), Math.sqrt(6 / 160)],
        [init.kaimingUniform(shape, { mode: "fanOut", nonlinearity: "tanh", ...on }), (5 / 3) * Math.sqrt(3 / 80)],
      ] as const;
      const normals = [
        [init.xavierNormal(shape, on), Math.sqrt(2 / 240)],
        [init.kaimingNormal(shape, { nonlinearity: "relu", ...on }), Math.sqrt(2 / 160)],
      ] as const;
      for (const [x, bound] of uniforms) await isUniform(x, bound);
      for (const [x, std] of normals) await isNormal(x, std);
      dispose([...uniforms, ...normals].map(([x]) => x));
    }));

  it("are the same for the same seed, and move the generator on", () =>
    withoutLeaks(async () => {
      const [one, two] = [generator(), generator()];
      const a = [init.normal([50], { generator: one }), init.normal([50], { generator: one })];
      const b = [init.normal([50], { generator: two }), init.normal([50], { generator: two })];
      expect(await a[0]!.data()).toEqual(await b[0]!.data());
      expect(await a[1]!.data()).toEqual(await b[1]!.data());
      expect(await a[0]!.data()).not.toEqual(await a[1]!.data());
      dispose([a, b]);
    }));

  it("Linear starts uniform in ±1/√in, weight and bias", () =>
    withoutLeaks(async () => {
      const layer = new Linear(49, 300, { generator: generator() });
      await isUniform(layer.weight, 1 / 7);
      const { low, high } = await momentsOf(layer.bias!);
      expect(Math.min(-low, high)).toBeGreaterThan(0.95 / 7);
      expect(Math.max(-low, high)).toBeLessThanOrEqual(1 / 7);
      expect(layer.weight.device).toBe(device);
      layer.dispose();
      const wide = new Linear(0, 2);
      expect([...(await wide.bias!.data())]).toEqual([0, 0]);
      wide.dispose();
    }));

  it("Embedding starts normal, with zeros for padding", () =>
    withoutLeaks(async () => {
      const table = new Embedding(200, 64, { paddingIdx: -2, generator: generator() });
      expect(table.paddingIdx).toBe(198);
      const values = await table.weight.data();
      expect([...values.slice(198 * 64, 199 * 64)]).toEqual(new Array(64).fill(0));
      expect(values.filter((value) => value === 0).length).toBe(64);
      expect((await momentsOf(table.weight)).std).toBeCloseTo(Math.sqrt(199 / 200), 1);
      table.dispose();
      const small = new Embedding(200, 64, { std: 0.02, generator: generator() });
      await isNormal(small.weight, 0.02);
      small.dispose();
      expect(() => new Embedding(5, 2, { paddingIdx: 5 })).toThrow("Embedding: paddingIdx is one of the 5 rows, got 5");
    }));

  it("sinusoidal positions are waves: products of rows depend on their distance alone", () =>
    withoutLeaks(async () => {
      const table = init.sinusoidal([6, 5], { base: 100, amplitude: 0.5, device });
      const values = await table.data();
      for (let p = 0; p < 6; p++)
        for (const [i, wave] of [Math.sin, Math.sin, Math.sin, Math.cos, Math.cos].entries())
          expect(values[p * 5 + i]).toBeCloseTo(0.5 * wave(p / 100 ** ((2 * (i % 3)) / 5)), 6);
      table.dispose();
      const even = init.sinusoidal([9, 8], { device });
      const rows = Array.from(await even.data());
      const product = (a: number, b: number): number =>
        rows.slice(8 * a, 8 * a + 8).reduce((sum, value, i) => sum + value * rows[8 * b + i]!, 0);
      expect(product(0, 3)).toBeCloseTo(product(5, 8), 5);
      expect(product(0, 3)).not.toBeCloseTo(product(0, 4), 2);
      even.dispose();
      expect(() => init.sinusoidal([3])).toThrow("init.sinusoidal: expected the shape [positions, features], got [3]");
      expect(() => init.sinusoidal([3, 4], { base: 1 })).toThrow(
        "init.sinusoidal: expected a base above 1 and a finite amplitude, got 1 and 1",
      );
    }));

  it("LayerNorm starts as ones and zeros", () =>
    withoutLeaks(async () => {
      const norm = new LayerNorm([2, 3]);
      expect([...(await norm.weight!.data())]).toEqual([1, 1, 1, 1, 1, 1]);
      expect([...(await norm.bias!.data())]).toEqual([0, 0, 0, 0, 0, 0]);
      norm.dispose();
    }));
});
