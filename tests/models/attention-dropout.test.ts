import { valueAndGrad } from "@tessera/autograd";
import { RobertaForMaskedLM, type MaskedLMInputs } from "@tessera/models";
import { AdamW } from "@tessera/nn";
import {
  Generator,
  keep,
  manualSeed,
  randn,
  scope,
  setDefaultDevice,
  tensor,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { afterAll, expect, it } from "vitest";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { tinyConfig } from "./tiny-model.ts";

afterAll(() => setDefaultDevice("cpu"));

const ids = (rows: readonly (readonly number[])[]): Tensor =>
  tensor(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
const batch = (): MaskedLMInputs => ({
  inputIds: ids([
    [0, 7, 4, 9, 10, 2],
    [0, 8, 4, 2, 1, 1],
  ]),
  attentionMask: ids([
    [1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 0],
  ]),
  labels: tensor(new Int32Array([8, 9]), [2]),
  labelPositions: tensor(new Int32Array([2, 8]), [2]),
  skipPaddedQueries: true,
});

/** The losses of a few steps with attention's dropout, then the loss without. */
const train = async (device: Backend, steps = 6): Promise<{ losses: number[]; evaluated: number }> => {
  setDefaultDevice(device);
  const config = tinyConfig({ numHiddenLayers: 1, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0.4 });
  using model = new RobertaForMaskedLM(config, { generator: new Generator(7) });
  using optimizer = new AdamW(model.namedParameters(), { lr: 1e-2 });
  const lossAndGrads = valueAndGrad(model, (inputs: MaskedLMInputs) => model.forward(inputs).loss!);
  manualSeed(5);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const loss = scope(() => {
      const { value, grads } = lossAndGrads(batch());
      optimizer.step(grads);
      return keep(value);
    });
    losses.push(await loss.item());
    loss.dispose();
  }
  model.eval();
  const loss = scope(() => model.forward(batch()).loss!);
  const evaluated = await loss.item();
  loss.dispose();
  return { losses, evaluated };
};

it("of 0.4 trains on the reference", async () => {
  const { losses, evaluated } = await train(oracle);
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
  expect(evaluated).toBeLessThan(losses[0]! - 0.5);
});

it.each(devices)("drops the same on $name, step by step: losses are the reference's", async (device) => {
  const [got, want] = [await train(device), await train(oracle)];
  for (const [step, loss] of want.losses.entries()) expect(Math.abs(got.losses[step]! - loss)).toBeLessThan(1e-3);
  expect(Math.abs(got.evaluated - want.evaluated)).toBeLessThan(1e-3);
});

it("gives zeros where a text is nothing but padding, in training and in evaluation", () => {
  setDefaultDevice("cpu");
  using model = new RobertaForMaskedLM(tinyConfig({ attentionProbsDropoutProb: 0.4 }), { generator: new Generator(7) });
  const { self } = model.roberta.encoder.layer.at(0).attention;
  scope((): void => {
    const x = randn([2, 3, 16], { generator: new Generator(1) });
    const mask = tensor(Uint8Array.from([1, 1, 0, 0, 0, 0]), [2, 1, 1, 3], { dtype: "bool" });
    for (const training of [true, false]) {
      const y = self.train(training).forward(x, mask).dataSync();
      expect([...y.subarray(48)]).toEqual(Array.from({ length: 48 }, () => 0));
      expect(y.subarray(0, 48)).not.toContain(NaN);
      expect(Math.max(...y.subarray(0, 48))).toBeGreaterThan(0);
    }
  });
});

skippedWithoutGpu("attention's dropout in training on webgpu");
