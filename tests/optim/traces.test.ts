// Whole traces against the formulas of the papers and of torch's documentation, written once more in float64.
import { Gradients } from "@tessera/autograd";
import { Adafactor, AdamW, CombinedOptimizer, Lion, RMSprop, type Optimizer } from "@tessera/nn";
import { scope, tensor, type Parameter } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { freeAll, onHost, randomParameter, takeStep, toyGradients } from "../support/toy-parameters.ts";

const shapes: { readonly [name: string]: readonly number[] } = {
  weight: [4, 6],
  blocks: [3, 2, 5],
  bias: [7],
  gain: [],
};

/** One step of a parameter: its new values from the old ones, the gradient and what the formula remembers. */
type Rule = (p: number[], g: number[], memory: Map<string, number[]>, k: number, shape: readonly number[]) => number[];

const remembered = (memory: Map<string, number[]>, name: string, size: number): number[] => {
  const found = memory.get(name) ?? new Array<number>(size).fill(0);
  memory.set(name, found);
  return found;
};

const rms = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);

const rmsprop =
  ({ lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false }): Rule =>
  (p, g, memory) => {
    const [v, m, b] = ["v", "m", "b"].map((name) => remembered(memory, name, p.length)) as [
      number[],
      number[],
      number[],
    ];
    return p.map((value, i) => {
      const gradient = g[i]! + weightDecay * value;
      v[i] = alpha * v[i]! + (1 - alpha) * gradient ** 2;
      m[i] = alpha * m[i]! + (1 - alpha) * gradient;
      b[i] = momentum * b[i]! + gradient / (Math.sqrt(centered ? v[i] - m[i] ** 2 : v[i]) + eps);
      return value - lr * b[i];
    });
  };

const lion =
  ({ lr = 1e-4, betas: [b1, b2] = [0.9, 0.99], weightDecay = 0 }): Rule =>
  (p, g, memory) => {
    const m = remembered(memory, "m", p.length);
    return p.map((value, i) => {
      const c = b1 * m[i]! + (1 - b1) * g[i]!;
      m[i] = b2 * m[i]! + (1 - b2) * g[i]!;
      return value * (1 - lr * weightDecay) - lr * Math.sign(c);
    });
  };

const adafactor =
  ({ lr = 0.01, beta2Decay = -0.8, eps: [e1, e2] = [2 ** -23, 1e-3], d = 1, weightDecay = 0 }): Rule =>
  (p, g, memory, k, shape) => {
    const w = k ** beta2Decay;
    const [rows, columns] = shape.length < 2 ? [1, p.length] : (shape.slice(-2) as [number, number]);
    const matrix = rows * columns;
    const v = p.map((_, i) => {
      if (shape.length < 2) {
        const mean = remembered(memory, "v", p.length);
        return (mean[i] = (1 - w) * mean[i]! + w * g[i]! ** 2);
      }
      return 0;
    });
    if (shape.length > 1)
      for (let at = 0; at < p.length; at += matrix) {
        const r = remembered(memory, `r${at}`, rows);
        const c = remembered(memory, `c${at}`, columns);
        const square = (i: number, j: number): number => g[at + i * columns + j]! ** 2;
        for (let i = 0; i < rows; i++)
          r[i] = (1 - w) * r[i]! + (w * c.reduce((sum, _, j) => sum + square(i, j), 0)) / columns;
        for (let j = 0; j < columns; j++)
          c[j] = (1 - w) * c[j]! + (w * r.reduce((sum, _, i) => sum + square(i, j), 0)) / rows;
        const mean = Math.max(r.reduce((sum, value) => sum + value, 0) / rows, e1);
        for (let i = 0; i < rows; i++)
          for (let j = 0; j < columns; j++) v[at + i * columns + j] = (r[i]! * c[j]!) / mean;
      }
    const u = g.map((value, i) => value / Math.sqrt(Math.max(v[i]!, e1 ** 2)));
    const size = Math.max(e2, rms(p)) * Math.min(lr, 1 / Math.sqrt(k));
    return p.map((value, i) => value * (1 - lr * weightDecay) - (size * u[i]!) / Math.max(1, rms(u) / d));
  };

type Make = (params: ReadonlyMap<string, Parameter>) => Optimizer;

const traces: { readonly [name: string]: readonly [Make, Rule] } = {
  "RMSprop with torch's defaults": [(params) => new RMSprop(params), rmsprop({})],
  "RMSprop with a momentum and decay": [
    (params) => new RMSprop(params, { lr: 0.02, alpha: 0.9, momentum: 0.8, weightDecay: 0.1, eps: 1e-3 }),
    rmsprop({ lr: 0.02, alpha: 0.9, momentum: 0.8, weightDecay: 0.1, eps: 1e-3 }),
  ],
  "RMSprop, centered": [
    (params) => new RMSprop(params, { centered: true, alpha: 0.9, momentum: 0.5 }),
    rmsprop({ centered: true, alpha: 0.9, momentum: 0.5 }),
  ],
  "Lion with its defaults": [(params) => new Lion(params), lion({})],
  "Lion with decay": [
    (params) => new Lion(params, { lr: 0.02, betas: [0.95, 0.98], weightDecay: 0.5 }),
    lion({ lr: 0.02, betas: [0.95, 0.98], weightDecay: 0.5 }),
  ],
  "Adafactor with torch's defaults": [(params) => new Adafactor(params), adafactor({})],
  "Adafactor with decay and large floors": [
    (params) => new Adafactor(params, { lr: 0.6, beta2Decay: -0.5, eps: [0.3, 1.5], d: 1.1, weightDecay: 0.2 }),
    adafactor({ lr: 0.6, beta2Decay: -0.5, eps: [0.3, 1.5], d: 1.1, weightDecay: 0.2 }),
  ],
};

onEveryDevice((device) => {
  const make = (): Map<string, Parameter> =>
    new Map(Object.entries(shapes).map(([name, shape], i) => [name, randomParameter(device, shape, i + 1)]));

  it.each(Object.entries(traces))("%s follows its formula for ten steps", (_, [optimise, rule]) =>
    withoutLeaks(async () => {
      const params = make();
      const optimizer = optimise(params);
      const want = new Map([...(await onHost(params))].map(([name, { data }]) => [name, [...(data as Float32Array)]]));
      const largest = new Map([...want].map(([name, values]) => [name, Math.max(...values.map(Math.abs))]));
      const memories = new Map([...params.keys()].map((name) => [name, new Map<string, number[]>()]));
      for (let k = 1; k <= 10; k++) {
        const grads = toyGradients(params, k);
        const host = await onHost(grads);
        optimizer.step(grads);
        for (const [name, p] of params) {
          const g = [...(host.get(name)!.data as Float32Array)];
          want.set(name, rule(want.get(name)!, g, memories.get(name)!, k, p.shape));
          // What was rounded while a parameter was large stays when it is small.
          largest.set(name, Math.max(largest.get(name)!, ...want.get(name)!.map(Math.abs)));
          for (const [i, got] of (await p.data()).entries())
            expect(Math.abs(got - want.get(name)![i]!), `${name}[${i}] after step ${k}`).toBeLessThan(
              2e-6 * largest.get(name)!,
            );
        }
      }
      freeAll(optimizer, params);
    }),
  );

  it("RMSprop takes a variance that rounding made negative for 0", () =>
    withoutLeaks(async () => {
      const params = new Map([["p", randomParameter(device, [64], 1)]]);
      const optimizer = new RMSprop(params, { lr: 1e-6, alpha: 0.5, centered: true, eps: 1e-2 });
      for (let step = 0; step < 60; step++)
        scope((): void =>
          optimizer.step(new Gradients([["p", tensor(Float32Array.from({ length: 64 }, (_, i) => 1 + i / 7))]])),
        );
      expect([...(await params.get("p")!.data())].every(Number.isFinite)).toBe(true);
      freeAll(optimizer, params);
    }));

  it("Adafactor keeps a number for each row and column", () =>
    withoutLeaks(() => {
      const params = make();
      const optimizer = new Adafactor(params);
      takeStep(optimizer, params, 0);
      const kept = [...optimizer.stateDict().tensors].map(([name, { shape }]) => `${name} ${shape.join("x")}`);
      expect(kept.filter((name) => !/step|skipped/i.test(name))).toEqual([
        "weight.rowVar 4x1", "weight.colVar 1x6", "blocks.rowVar 3x2x1", "blocks.colVar 3x1x5", "bias.variance 7", "gain.variance ",
      ]); // prettier-ignore
      freeAll(optimizer, params);
    }));

  describe.each(
    Object.entries({
      alone: (params: ReadonlyMap<string, Parameter>): Optimizer => new Adafactor(params),
      "as a part": (params: ReadonlyMap<string, Parameter>): Optimizer => {
        const others = new Map([["other", randomParameter(device, [2], 9)]]);
        return new CombinedOptimizer({ adamw: new AdamW(others), adafactor: new Adafactor(params) });
      },
    }),
  )("Adafactor %s", (name, optimise) => {
    it("reindexes rows of matrices and blocks of stacks, one row of many among them", () =>
      withoutLeaks(async () => {
        const params = new Map([
          ["blocks", randomParameter(device, [2, 3, 4], 1)],
          ["matrix", randomParameter(device, [1, 5], 2)],
        ]);
        const optimizer = optimise(params);
        const all = new Map(optimizer.groups.flatMap((group) => [...group.params]));
        takeStep(optimizer, all, 1);
        const before = await onHost(optimizer.stateDict().tensors);
        const grown = { blocks: randomParameter(device, [3, 3, 4], 3), matrix: randomParameter(device, [2, 5], 4) };
        for (const [key, next] of Object.entries(grown)) {
          optimizer.reindex(params.get(key)!, next, key === "blocks" ? [1, -1, 0] : [-1, 0]);
          params.get(key)!.dispose();
          all.set(key, next);
        }
        const after = await onHost(optimizer.stateDict().tensors);
        const old = (key: string): number[] => [...(before.get(key)!.data as Float32Array)];
        const now = (key: string): number[] => [...(after.get(key)!.data as Float32Array)];
        expect(now("blocks.rowVar")).toEqual([
          ...old("blocks.rowVar").slice(3),
          0,
          0,
          0,
          ...old("blocks.rowVar").slice(0, 3),
        ]);
        expect(now("blocks.colVar")).toEqual([
          ...old("blocks.colVar").slice(4),
          0,
          0,
          0,
          0,
          ...old("blocks.colVar").slice(0, 4),
        ]);
        expect(now("matrix.rowVar")).toEqual([0, ...old("matrix.rowVar")]);
        expect(now("matrix.colVar")).toEqual(old("matrix.colVar"));
        takeStep(optimizer, all, 2);
        for (const one of all.values()) expect([...(await one.data())].every(Number.isFinite), name).toBe(true);
        freeAll(optimizer, all);
      }));
  });

  it("refuse options outside their domain", () =>
    withoutLeaks(() => {
      const params = new Map([["p", randomParameter(device, [2], 1)]]);
      expect(() => new RMSprop(params, { alpha: 1.5 })).toThrow("RMSprop: expected an alpha from 0 to 1, got 1.5");
      expect(() => new RMSprop(params, { momentum: -1 })).toThrow(
        /RMSprop: expected lr, eps, weightDecay and momentum/,
      );
      expect(() => new Lion(params, { betas: [0.9, 1] })).toThrow(
        "Lion: expected two betas from 0 up to 1, got 0.9, 1",
      );
      expect(() => new Lion(params, { lr: NaN })).toThrow(/Lion: expected lr and weightDecay of 0 or more, got NaN/);
      expect(() => new Adafactor(params, { d: 0.5 })).toThrow("Adafactor: expected a d of 1 or more, got 0.5");
      expect(() => new Adafactor(params, { beta2Decay: 1 })).toThrow(/expected a beta2Decay of 0 or less, got 1/);
      expect(() => new Adafactor(params, { eps: [-1, 0] })).toThrow(/expected eps to be two numbers of 0 or more/);
      for (const each of params.values()) each.dispose();
    }));
});
