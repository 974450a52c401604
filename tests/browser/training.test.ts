// A small RoBERTa trains the same way on every device, dense and block-sparse, and leaves nothing behind.
import { Trainer } from "@tessera/models";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { cpu, manualSeed, setDefaultDevice, type Backend } from "@tessera/tensor";
import { afterEach, expect, it } from "vitest";
import { disposeTraining, tinyConfig, tinyTraining } from "../models/tiny-model.ts";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

const STEPS = 15;
const config = tinyConfig({ numHiddenLayers: 1, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 });

afterEach(() => setDefaultDevice(cpu));
skippedWithoutGpu("a small training on webgpu");

/** The loss of every step. */
const train = async (device: Backend, sparse: boolean): Promise<number[]> => {
  // Weights are judged on the host.
  setDefaultDevice(cpu);
  const training = tinyTraining(STEPS, config);
  const { model, optimizer } = training;
  if (sparse) {
    const report = new BlockSparseModelPatcher()
      .addPattern(/.*\.(intermediate|output)\.dense/, { density: 0.5, blockSize: 8 })
      .patchModel(model);
    report.handOver(optimizer);
  }
  await model.to(device);
  setDefaultDevice(device);
  manualSeed(21);
  const losses: number[] = [];
  const onProgress = ({ loss }: { loss: number }): void => void losses.push(loss);
  // One batch again and again: it is learnt by heart within a few steps.
  const { batches: all } = training;
  const first = all.state;
  const batches = {
    state: first,
    load: () => {},
    next: () => {
      all.load(first);
      return all.next();
    },
  };
  await new Trainer({ ...training, batches, steps: STEPS, maxGradNorm: 1, loggingSteps: 1, onProgress }).train();
  disposeTraining(training);
  return losses;
};

for (const sparse of [false, true])
  it(`a ${sparse ? "block-sparse" : "dense"} model learns alike on ${devices.map(({ name }) => name).join(" and ")}`, () =>
    withoutLeaks(async () => {
      const want = await train(oracle, sparse);
      expect(want).toHaveLength(STEPS);
      expect(want.at(-1)).toBeLessThan(want[0]! - 0.5);
      for (const device of devices) {
        const got = await train(device, sparse);
        for (const [step, loss] of want.entries())
          expect(Math.abs(got[step]! - loss), `loss of step ${step} on ${device.name}`).toBeLessThanOrEqual(
            1e-4 * Math.abs(loss),
          );
      }
    }));
