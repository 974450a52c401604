import {
  CHECKPOINT_FILE,
  MemoryFolder,
  NonFiniteError,
  Trainer,
  type MaskedLMInputs,
  type TrainerOptions,
  type TrainingProgress,
} from "@tessera/models";
import { full, manualSeed, memory, readSafetensors, writeSafetensors } from "@tessera/tensor";
import { fusesMultiplyAdd } from "@tessera/tensor/extend";
import { expect, it, vi } from "vitest";
import { disposeTraining, tinyConfig, tinyTraining, type TinyTraining } from "../models/tiny-model.ts";
import { onWebgpu } from "./on-webgpu.ts";

const STEPS = 12;

onWebgpu("a training on webgpu", (gpu) => {
  const start = (): TinyTraining => tinyTraining(STEPS, tinyConfig({ numHiddenLayers: 1 }));
  const train = async (training: TinyTraining, options: Partial<TrainerOptions<MaskedLMInputs>>, resume = false) => {
    manualSeed(3);
    return new Trainer({ ...training, steps: STEPS, maxGradNorm: 1, ...options }).train({ resume });
  };

  it("reads losses once for each report, and reports the same however often", async () => {
    const reports = async (loggingSteps: number): Promise<{ seen: TrainingProgress[]; reads: number }> => {
      const training = start();
      const seen: TrainingProgress[] = [];
      const read = vi.spyOn(gpu, "read");
      await train(training, { loggingSteps, onProgress: (progress) => seen.push(progress) });
      const reads = read.mock.calls.length;
      read.mockRestore();
      disposeTraining(training);
      return { seen, reads };
    };
    const [often, rarely] = [await reports(1), await reports(5)];
    expect(often.reads).toBe(STEPS);
    expect(rarely.reads).toBe(3);
    expect(rarely.seen.map(({ step }) => step)).toEqual([5, 10, 12]);
    const mean = (from: number, to: number): number =>
      often.seen.slice(from, to).reduce((sum, { loss }) => sum + loss, 0) / (to - from);
    expect(rarely.seen.map(({ loss }) => loss)).toEqual([mean(0, 5), mean(5, 10), mean(10, 12)]);
    expect(rarely.seen.map(({ gradNorm }) => gradNorm)).toEqual([4, 9, 11].map((i) => often.seen[i]!.gradNorm));
    expect(memory()["webgpu"]).toMatchObject({ tensors: 0, bytes: 0 });
  });

  it("names the step whose loss was NaN when it reads it steps later, and saves nothing after it", async () => {
    const training = start();
    const folder = new MemoryFolder();
    let taken = 0;
    const poisoned = {
      get state() {
        return training.batches.state;
      },
      load: (state: unknown) => training.batches.load(state),
      next: () => {
        const { weight } = training.model.roberta.encoder.layer.at(0).output.LayerNorm;
        if (++taken === 6) weight!.assign(full([16], NaN));
        return training.batches.next();
      },
    };
    const failed = await train(training, { batches: poisoned, folder, saveSteps: 4, loggingSteps: 100 }).catch(
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(NonFiniteError);
    expect(String(failed)).toMatch(/the loss became NaN at step 6; that step changed nothing/);
    expect(taken).toBe(8);
    const { metadata, tensors } = readSafetensors(await folder.read(CHECKPOINT_FILE));
    const state = JSON.parse(metadata["training"]!) as Record<string, unknown>;
    expect(state).toMatchObject({ step: 4 });

    // Fused or separate multiply-adds are a matter of the cpu device: nothing is said of them here.
    const other = JSON.stringify({ ...state, fusesMultiplyAdd: !fusesMultiplyAdd() });
    await folder.write(new Map([[CHECKPOINT_FILE, writeSafetensors(tensors, { ...metadata, training: other })]]));
    const onWarning = vi.fn();
    expect(await train(training, { folder, onWarning }, true)).toMatchObject({ status: "finished", step: STEPS });
    expect(onWarning).not.toHaveBeenCalled();
    disposeTraining(training);
    expect(memory()["webgpu"]).toMatchObject({ tensors: 0, bytes: 0 });
  });
});
