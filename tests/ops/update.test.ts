import {
  adamStep,
  cpu,
  dispose,
  globalNorm,
  mul,
  narrow,
  scope,
  sgdStep,
  tensor,
  zeros,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { devices, oracle } from "../support/devices.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";

const SHAPES = [[5, 7], [3], [1], [20000], [0, 4]] as const;
const adamAttrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05 };
const sgdAttrs = { momentum: 0.9, dampening: 0.1, weightDecay: 0.05 };

/** Parameters and state after some steps, on the host. */
const train = async (
  device: Backend,
  steps: number,
  scales: readonly number[],
  update: (state: State, one: StepOf) => void,
): Promise<number[][]> => {
  const state = scope(() => {
    const make = (seed: number, i: number): Tensor => normal(...SHAPES[i]!).make(seed + i, device);
    const slots = SHAPES.map((shape, i) => ({
      parameter: make(1, i),
      m: zeros(shape, { device }),
      v: zeros(shape, { device }),
    }));
    const count = zeros([], { dtype: "int32", device });
    for (let t = 0; t < steps; t++) {
      const scale = tensor(scales[t % scales.length]!, [], { device });
      update(
        { slots: slots.map((slot, i) => ({ ...slot, grad: make(100 * (t + 1), i), buffer: slot.m })) },
        { count, scale, lr: { value: 0.01 * (t + 1) } },
      );
    }
    return [...slots.flatMap(({ parameter, m, v }) => [parameter, m, v]), count];
  });
  const values = await Promise.all(state.map(async (x) => [...(await x.data())]));
  dispose(state);
  return values;
};
interface State {
  slots: { parameter: Tensor; grad: Tensor; m: Tensor; v: Tensor; buffer: Tensor }[];
}
interface StepOf {
  count: Tensor;
  scale: Tensor;
  lr: { value: number };
}

const updates: readonly [name: string, (state: State, step: StepOf) => void][] = [
  ["AdamW", ({ slots }, step) => adamStep(slots, step, { ...adamAttrs, decoupled: true })],
  ["Adam", ({ slots }, step) => adamStep(slots, step, { ...adamAttrs, decoupled: false })],
  ["SGD", ({ slots }, step) => sgdStep(slots, step, { ...sgdAttrs, momentum: 0, nesterov: false })],
  ["SGD with momentum", ({ slots }, step) => sgdStep(slots, step, { ...sgdAttrs, nesterov: false })],
  ["SGD with Nesterov momentum", ({ slots }, step) => sgdStep(slots, step, { ...sgdAttrs, nesterov: true })],
];

describe.each(updates)("%s", (_, update) => {
  it.each(devices)("agrees with the reference over many steps, on $name", (device) =>
    withoutLeaks(async () => {
      const [want, got] = [await train(oracle, 6, [1, 0.5], update), await train(device, 6, [1, 0.5], update)];
      for (const [i, values] of want.entries()) {
        // Moments of gradients of size 1 may cancel; their error is that of what they are made of.
        const scale = Math.max(...values.map(Math.abs), 0.05);
        for (const [j, value] of values.entries())
          expect(Math.abs(got[i]![j]! - value), `tensor ${i}, element ${j}`).toBeLessThan(2e-6 * scale);
      }
    }),
  );

  it.each([oracle, ...devices])(
    "changes nothing and does not count when the coefficient is not finite, on $name",
    (device) =>
      withoutLeaks(async () => {
        const clean = await train(device, 2, [1], update);
        for (const bad of [NaN, Infinity]) {
          const disturbed = await train(device, 3, [1, 1, bad], update);
          expect(disturbed).toEqual(clean);
          expect(disturbed.at(-1)).toEqual([2]);
        }
      }),
  );
});

it.each([oracle, ...devices])("the steps of views leave their neighbours alone, on $name", (device) =>
  withoutLeaks(async () => {
    const [n, from] = [9, 3];
    const state = scope(() => {
      const whole = [1, 2, 3, 4].map((seed) => normal(n + 2 * from + 1).make(seed, device));
      const [p, g, m, v] = whole.map((x) => narrow(x, 0, from, n)) as [Tensor, Tensor, Tensor, Tensor];
      const [p4, g4, m4] = [5, 6, 7].map((seed) => narrow(normal(n + 5).make(seed, device), 0, 4, n)) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const count = zeros([], { dtype: "int32", device });
      const step = { count, scale: tensor(0.5, [], { device }), lr: 0.1 };
      adamStep([{ parameter: p, grad: g, m, v: mul(v, v) }], step, { ...adamAttrs, decoupled: true });
      sgdStep([{ parameter: p4, grad: g4, buffer: m4 }], step, { ...sgdAttrs, nesterov: true });
      return [...whole, p4, m4, count];
    });
    const read = await Promise.all(state.map((x) => x.data()));
    dispose(state);
    for (const [i, seed] of [1, 2, 3, 4].entries()) {
      const before = normal(n + 2 * from + 1).values(seed);
      for (const [j, value] of before.entries()) {
        const changes = (i === 0 || i === 2) && j >= from && j < from + n;
        if (changes) expect(read[i]![j]).not.toBe(Math.fround(value));
        else expect(read[i]![j]).toBe(Math.fround(value));
      }
    }
    expect([...read.at(-1)!]).toEqual([2]);
  }),
);

it.each([oracle, ...devices])("the global norm is that of all elements, on $name", (device) =>
  withoutLeaks(async () => {
    const norm = async (make: () => Tensor[]): Promise<number> => {
      const y = scope(() => globalNorm(make()));
      const value = await y.item();
      y.dispose();
      return value;
    };
    const vector = (...values: number[]): Tensor[] => [tensor(values, undefined, { device })];
    const data = SHAPES.flatMap((shape, i) => normal(...shape).values(i));
    const want = Math.sqrt(data.reduce((total, x) => total + x * x, 0));
    const all = (): Tensor[] => SHAPES.map((shape, i) => normal(...shape).make(i, device));
    expect((await norm(all)) / want).toBeCloseTo(1, 6);
    // Of views that start in the middle of a vector, and of more tensors than one dispatch takes.
    const many = (): Tensor[] => Array.from({ length: 9 }, () => all()).flat();
    expect((await norm(many)) / (3 * want)).toBeCloseTo(1, 6);
    expect(await norm(() => [narrow(tensor([9, 3, 4, 9], undefined, { device }), 0, 1, 2)])).toBe(5);
    expect(await norm(() => [])).toBe(0);
    expect((await norm(() => vector(1e25, -1e25))) / (Math.SQRT2 * 1e25)).toBeCloseTo(1, 6);
    expect((await norm(() => vector(3e-25, -4e-25))) / 5e-25).toBeCloseTo(1, 6);
    expect((await norm(() => vector(1e13, 1e11))) / Math.hypot(1e13, 1e11)).toBeCloseTo(1, 6);
    expect(await norm(() => vector(1, NaN))).toBeNaN();
    expect(await norm(() => vector(1e25, NaN))).toBeNaN();
    expect(await norm(() => vector(1, -Infinity))).toBe(Infinity);
  }),
);

it("steps and the norm hold for thousands of parameters on cpu", () =>
  withoutLeaks(async () => {
    // More than the list of one launch has room for, some of them empty.
    const shapes = Array.from({ length: 4200 }, (_, i) => [i % 4]);
    const results = async (device: Backend): Promise<number[]> => {
      const tensors = scope(() => {
        const all = (seed: number): Tensor[] => shapes.map((shape, i) => normal(...shape).make(seed + i, device));
        const [p, g, m] = [all(1), all(2), all(3)];
        const slots = p.map((parameter, i) => ({ parameter, grad: g[i]!, m: m[i]!, v: mul(m[i]!, m[i]!) }));
        const count = zeros([], { dtype: "int32", device });
        adamStep(slots, { count, scale: globalNorm(g), lr: 0.1 }, { ...adamAttrs, decoupled: true });
        return [...p, count];
      });
      const values = await Promise.all(tensors.map(async (x) => [...(await x.data())]));
      dispose(tensors);
      return values.flat();
    };
    const [want, got] = [await results(oracle), await results(cpu)];
    expect(got).toHaveLength(want.length);
    for (const [i, value] of want.entries()) expect(Math.abs(got[i]! - value), `element ${i}`).toBeLessThan(1e-5);
  }));

it("names the parameter whose gradient has another shape", () =>
  withoutLeaks(() => {
    scope((): void => {
      const [a, b] = [zeros([2, 3]), zeros([3, 2])];
      const step = { count: zeros([], { dtype: "int32" }), scale: tensor(1), lr: 0.1 };
      expect(() => adamStep([{ parameter: a, grad: b, m: a, v: a }], step, { ...adamAttrs, decoupled: true })).toThrow(
        "adam: parameter 0 is [2, 3], its gradient or state [3, 2]; they have one shape",
      );
    });
  }));
