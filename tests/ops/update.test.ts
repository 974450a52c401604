import {
  adamStep,
  cpu,
  globalNorm,
  reference,
  scope,
  sgdStep,
  tensor,
  zeros,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";

const SHAPES = [[5, 7], [3], [1], [20000], [0, 4]] as const;
const adamAttrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05 };
const sgdAttrs = { momentum: 0.9, dampening: 0.1, weightDecay: 0.05 };

/** Parameters and state after some steps, on the host. */
const train = (
  device: Backend,
  steps: number,
  scales: readonly number[],
  update: (state: State, one: StepOf) => void,
): number[][] =>
  scope(() => {
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
    return [...slots.flatMap(({ parameter, m, v }) => [parameter, m, v]), count].map((x) => [...x.dataSync()]);
  });
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
  it("agrees with the reference on cpu over many steps", () =>
    withoutLeaks(() => {
      const [want, got] = [train(reference, 6, [1, 0.5], update), train(cpu, 6, [1, 0.5], update)];
      for (const [i, values] of want.entries()) {
        // Moments of gradients of size 1 may cancel; their error is that of what they are made of.
        const scale = Math.max(...values.map(Math.abs), 0.05);
        for (const [j, value] of values.entries())
          expect(Math.abs(got[i]![j]! - value), `tensor ${i}, element ${j}`).toBeLessThan(2e-6 * scale);
      }
    }));

  it.each([reference, cpu])(
    "changes nothing and does not count when the coefficient is not finite, on $name",
    (device) =>
      withoutLeaks(() => {
        const clean = train(device, 2, [1], update);
        for (const bad of [NaN, Infinity]) {
          const disturbed = train(device, 3, [1, 1, bad], update);
          expect(disturbed).toEqual(clean);
          expect(disturbed.at(-1)).toEqual([2]);
        }
      }),
  );
});

it.each([reference, cpu])("the global norm is that of all elements, on $name", (device) =>
  withoutLeaks(() => {
    scope((): void => {
      const xs = SHAPES.map((shape, i) => normal(...shape).make(i, device));
      const want = Math.sqrt(xs.flatMap((x) => [...x.dataSync()]).reduce((total, x) => total + x * x, 0));
      expect(globalNorm(xs).itemSync() / want).toBeCloseTo(1, 6);
      expect(globalNorm([]).itemSync()).toBe(0);
      expect(globalNorm([tensor([1e25, -1e25], undefined, { device })]).itemSync() / (Math.SQRT2 * 1e25)).toBeCloseTo(
        1,
        6,
      );
      expect(globalNorm([tensor([1, NaN], undefined, { device })]).itemSync()).toBeNaN();
    });
  }),
);

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
