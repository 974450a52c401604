// The first loss or gradient that is not finite is not applied, on no device, whatever was launched before that was known.
import { NonFiniteError, Trainer, type BatchSource } from "@tessera/models";
import { AdamW, Module, SGD, type Optimizer } from "@tessera/nn";
import {
  add,
  cpu,
  mul,
  ones,
  Parameter,
  setDefaultDevice,
  sum,
  tensor,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { afterAll, describe, expect, it } from "vitest";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

afterAll(() => setDefaultDevice(cpu));

interface Factors {
  /** The gradient of every weight. */
  readonly slope: Tensor;
  /** What comes to the loss beside that. */
  readonly constant: Tensor;
}

/** loss = slope · Σ w + constant */
class Line extends Module {
  readonly w = new Parameter(ones([5]));
  forward({ slope, constant }: Factors): Tensor {
    return add(mul(sum(this.w), slope), constant);
  }
}

/** Step by step; the last numbers come again and again. */
const factors = (list: readonly (readonly [slope: number, constant: number])[]): BatchSource<Factors> => {
  let at = 0;
  return {
    next: () => {
      const [slope, constant] = list[Math.min(at++, list.length - 1)]!;
      return { inputs: { slope: tensor(slope), constant: tensor(constant) }, tokens: 1 };
    },
    state: 0,
    load: () => undefined,
  };
};

const good = [0.5, 1] as const;
const bad = {
  "an infinite loss with a finite gradient": [0.5, Infinity],
  "a loss that is NaN with a finite gradient": [0.5, NaN],
  "an infinite loss and gradient": [Infinity, 0],
  "a gradient that is NaN": [NaN, 0],
  // 5 · 3e38² has a root beyond float32.
  "a norm beyond float32": [3e38, 0],
} as const;
const optimisers: { readonly [name: string]: (model: Line) => Optimizer } = {
  AdamW: (model) => new AdamW(model.namedParameters(), { lr: 0.1, weightDecay: 0.1 }),
  SGD: (model) => new SGD(model.namedParameters(), { lr: 0.1, momentum: 0.9 }),
};

/** Weights, moments and counts after a training, and what it ended with. */
const after = async (
  make: (model: Line) => Optimizer,
  list: readonly (readonly [number, number])[],
  { steps, accumulation = 1 }: { steps: number; accumulation?: number },
) => {
  const model = new Line();
  const optimizer = make(model);
  const trainer = new Trainer({
    model,
    optimizer,
    batches: factors(list),
    steps,
    gradientAccumulationSteps: accumulation,
    loggingSteps: 100,
  });
  const error = await trainer.train().catch((error: unknown) => error);
  const { tensors } = optimizer.stateDict();
  const state: { [name: string]: number[] } = { w: [...(await model.w.data())] };
  for (const [name, x] of tensors) if (name !== "skippedSteps") state[name] = [...(await x.data())];
  optimizer.dispose();
  model.dispose();
  return { error, state };
};

skippedWithoutGpu("the same on webgpu");
describe.each([oracle, ...devices].map((device) => [device.name, device] as const))("on %s", (_, device: Backend) => {
  describe.each(Object.entries(optimisers))("%s", (_, make) => {
    it.each(Object.entries(bad))("stops at %s as if that step and those behind it had not been", (_, numbers) =>
      withoutLeaks(async () => {
        setDefaultDevice(device);
        const expected = await after(make, [good], { steps: 3 });
        const { error, state } = await after(make, [good, good, good, numbers, good], { steps: 40 });
        expect(error).toBeInstanceOf(NonFiniteError);
        expect((error as NonFiniteError).step).toBe(4);
        expect(state).toEqual(expected.state);
      }),
    );

    it("stops when one of several batches of a step is infinite", () =>
      withoutLeaks(async () => {
        setDefaultDevice(device);
        const expected = await after(make, [good], { steps: 2, accumulation: 2 });
        const list = [good, good, good, good, [0.5, Infinity], good] as const;
        const { error, state } = await after(make, list, { steps: 9, accumulation: 2 });
        expect(String(error)).toMatch(/the loss became Infinity at step 3; that step changed nothing/);
        expect(state).toEqual(expected.state);
      }));
  });
});
