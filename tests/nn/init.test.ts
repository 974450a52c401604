import { Embedding, init, LayerNorm, Linear } from "@tessera/nn";
import { dispose, Generator, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const momentsOf = (x: Tensor) => {
  const values = Array.from(x.dataSync());
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const std = Math.sqrt(values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length);
  return { mean, std, low: Math.min(...values), high: Math.max(...values) };
};

/** Uniform in ±bound: the extremes come close to it, the deviation is bound/√3. */
const isUniform = (x: Tensor, bound: number): void => {
  const { mean, std, low, high } = momentsOf(x);
  expect(low).toBeGreaterThanOrEqual(-bound);
  expect(high).toBeLessThanOrEqual(bound);
  expect(high - low).toBeGreaterThan(1.98 * bound);
  expect(Math.abs(mean)).toBeLessThan(0.03 * bound);
  expect(Math.abs(std * Math.sqrt(3) - bound)).toBeLessThan(0.02 * bound);
};

/** Normal: about 1 of 370 lies beyond three deviations. */
const isNormal = (x: Tensor, std: number): void => {
  const got = momentsOf(x);
  expect(Math.abs(got.mean)).toBeLessThan(0.03 * std);
  expect(Math.abs(got.std - std)).toBeLessThan(0.02 * std);
  const beyond = x.dataSync().filter((value) => Math.abs(value) > 3 * std).length / x.numel();
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
    withoutLeaks(() => {
      const made = [
        init.uniform(shape, { low: -0.5, high: 0.5, generator: generator() }),
        init.normal(shape, { std: 0.02, generator: generator() }),
      ] as const;
      isUniform(made[0], 0.5);
      isNormal(made[1], 0.02);
      const shifted = [
        init.uniform(shape, { low: 4, high: 5, generator: generator() }),
        init.normal(shape, { mean: -3, generator: generator() }),
      ];
      expect(momentsOf(shifted[0]!).mean).toBeCloseTo(4.5, 1);
      expect(momentsOf(shifted[1]!).mean).toBeCloseTo(-3, 1);
      expect(() => init.normal([2], { std: -1 })).toThrow("init: expected a standard deviation of 0 or more, got -1");
      dispose([...made, ...shifted]);
    }));

  it("Xavier's and Kaiming's scales follow from the fans", () =>
    withoutLeaks(() => {
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
      for (const [x, bound] of uniforms) isUniform(x, bound);
      for (const [x, std] of normals) isNormal(x, std);
      dispose([...uniforms, ...normals].map(([x]) => x));
    }));

  it("are the same for the same seed, and move the generator on", () =>
    withoutLeaks(() => {
      const [one, two] = [generator(), generator()];
      const a = [init.normal([50], { generator: one }), init.normal([50], { generator: one })];
      const b = [init.normal([50], { generator: two }), init.normal([50], { generator: two })];
      expect(a[0]!.dataSync()).toEqual(b[0]!.dataSync());
      expect(a[1]!.dataSync()).toEqual(b[1]!.dataSync());
      expect(a[0]!.dataSync()).not.toEqual(a[1]!.dataSync());
      dispose([a, b]);
    }));

  it("Linear starts uniform in ±1/√in, weight and bias", () =>
    withoutLeaks(() => {
      const layer = new Linear(49, 300, { generator: generator() });
      isUniform(layer.weight, 1 / 7);
      const { low, high } = momentsOf(layer.bias!);
      expect(Math.min(-low, high)).toBeGreaterThan(0.95 / 7);
      expect(Math.max(-low, high)).toBeLessThanOrEqual(1 / 7);
      expect(layer.weight.device).toBe(device);
      layer.dispose();
      const wide = new Linear(0, 2);
      expect([...wide.bias!.dataSync()]).toEqual([0, 0]);
      wide.dispose();
    }));

  it("Embedding starts normal, with zeros for padding", () =>
    withoutLeaks(() => {
      const table = new Embedding(200, 64, { paddingIdx: -2, generator: generator() });
      expect(table.paddingIdx).toBe(198);
      const values = table.weight.dataSync();
      expect([...values.slice(198 * 64, 199 * 64)]).toEqual(new Array(64).fill(0));
      expect(values.filter((value) => value === 0).length).toBe(64);
      expect(momentsOf(table.weight).std).toBeCloseTo(Math.sqrt(199 / 200), 1);
      table.dispose();
      const small = new Embedding(200, 64, { std: 0.02, generator: generator() });
      isNormal(small.weight, 0.02);
      small.dispose();
      expect(() => new Embedding(5, 2, { paddingIdx: 5 })).toThrow("Embedding: paddingIdx is one of the 5 rows, got 5");
    }));

  it("LayerNorm starts as ones and zeros", () =>
    withoutLeaks(() => {
      const norm = new LayerNorm([2, 3]);
      expect([...norm.weight!.dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
      expect([...norm.bias!.dataSync()]).toEqual([0, 0, 0, 0, 0, 0]);
      norm.dispose();
    }));
});
