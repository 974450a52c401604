// A model that learns: gradients, clipping, optimiser, schedule and memory together.
import { valueAndGrad } from "@tessera/autograd";
import { AdamW, clipGradNorm, Dropout, Linear, linearWarmup, mseLoss, Sequential, Tanh } from "@tessera/nn";
import { dispose, Generator, manualSeed, memory, scope, tensor, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { uniforms } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const STEPS = 1000;

onEveryDevice((device) => {
  /** Learns sin x; gives the losses and the live bytes after each step. */
  const train = async (steps: number, seed: number) => {
    manualSeed(seed);
    const generator = new Generator(seed);
    const model = new Sequential(
      new Linear(1, 16, { generator }),
      new Tanh(),
      new Dropout(0.02, { generator }),
      new Linear(16, 1, { generator }),
    );
    const optimizer = new AdamW(model.namedParameters(), { lr: 0.01, weightDecay: 1e-4 });
    const schedule = linearWarmup(optimizer, { warmupSteps: 20, totalSteps: 2 * steps });
    const lossAndGrads = valueAndGrad(model, (x: Tensor, y: Tensor) => mseLoss(model.forward(x), y));
    const draw = uniforms(seed);
    const [losses, live]: [number[], number[][]] = [[], []];
    for (let step = 1; step <= steps; step++) {
      const read = scope(() => {
        const xs = Float32Array.from({ length: 8 }, () => 6 * draw() - 3);
        const { value, grads } = lossAndGrads(tensor(xs, [8, 1]), tensor(xs.map(Math.sin), [8, 1]));
        clipGradNorm(grads, 1);
        optimizer.step(grads);
        return { loss: value.item() };
      });
      losses.push(await read.loss);
      schedule.step();
      const { tensors, storages, bytes } = memory()[device.name]!;
      live.push([tensors, storages, bytes]);
    }
    const weights = await Promise.all([...model.stateDict().values()].map((x) => x.data()));
    dispose([...model.parameters()]);
    optimizer.dispose();
    return { losses, live, weights };
  };

  it(
    `${STEPS} steps of a small model leave the live bytes where step 10 had them, and it learns`,
    () =>
      withoutLeaks(async () => {
        const { losses, live } = await train(STEPS, 1);
        expect(live.at(-1)).toEqual(live[9]);
        expect(new Set(live.slice(9).map(String)).size).toBe(1);
        const mean = (part: readonly number[]) => part.reduce((total, loss) => total + loss, 0) / part.length;
        expect(mean(losses.slice(0, 10))).toBeGreaterThan(0.2);
        expect(mean(losses.slice(-50))).toBeLessThan(0.02);
      }),
    60_000,
  );

  it("is the same run, bit for bit, for the same seed", () =>
    withoutLeaks(async () => {
      const [one, two, other] = [await train(30, 4), await train(30, 4), await train(30, 5)];
      expect(one.weights).toEqual(two.weights);
      expect(one.losses).toEqual(two.losses);
      expect(one.losses).not.toEqual(other.losses);
    }));
});
