import {
  BertConfig,
  BertForMaskedLM,
  MemoryFolder,
  muonGroups,
  RobertaForMaskedLM,
  Trainer,
  weightDecayGroups,
} from "@tessera/models";
import { AdamW, CombinedOptimizer, linearWarmup, Muon, type Module } from "@tessera/nn";
import { BlockSparseLinear, BlockSparseModelPatcher } from "@tessera/sparse";
import { Generator } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyBatches, tinyConfig } from "./tiny-model.ts";

const NAME =
  /^roberta\.encoder\.layer\.\d\.(attention\.(self\.(query|key|value)|output\.dense)|intermediate\.dense|output\.dense)\.(weight|values)$/;

const still = { hiddenSize: 32, intermediateSize: 64, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };

const combine = (model: Module, nsSteps = 3): CombinedOptimizer => {
  const { groups, params } = muonGroups(model, { lr: 0.02, weightDecay: 0.1 });
  return new CombinedOptimizer({
    muon: new Muon(groups, { nsSteps }),
    adamw: new AdamW(weightDecayGroups(model, { weightDecay: 0.1, without: params }), { lr: 0.01, betas: [0.9, 0.98] }),
  });
};

const patch = (model: Module, density: number): void => {
  new BlockSparseModelPatcher()
    .addPattern(/.*layer\.\d\.(intermediate|output)\.dense/, { density, blockSize: 8 })
    .patchModel(model);
};

describe("muonGroups", () => {
  it("takes the matrices of the layers, and leaves embeddings, heads, norms and biases", () =>
    withoutLeaks(() => {
      const model = new RobertaForMaskedLM(tinyConfig(still));
      const { groups, params } = muonGroups(model, { lr: 0.01, weightDecay: 0.1 });
      expect(groups).toHaveLength(1);
      expect(groups[0]).toMatchObject({ lr: 0.01, weightDecay: 0.1 });
      expect([...groups[0]!.params.keys()].every((name) => NAME.test(name))).toBe(true);
      expect(groups[0]!.params.size).toBe(2 * 6);
      const others = weightDecayGroups(model, { weightDecay: 0.1, without: params });
      const names = others.flatMap((group) => [...group.params.keys()]);
      expect(names).toHaveLength(model.namedParameters().size - 12);
      expect(names.filter((name) => NAME.test(name))).toEqual([]);
      model.dispose();
      const bert = new BertForMaskedLM(
        new BertConfig({ ...still, vocabSize: 40, numHiddenLayers: 1, numAttentionHeads: 2 }),
      );
      expect(muonGroups(bert, { lr: 0.01, weightDecay: 0.1 }).params.size).toBe(6);
      bert.dispose();
    }));

  it("gives blocks a rate by their number in a row: an update of all blocks is as large as the dense one", () =>
    withoutLeaks(async () => {
      const sizes: number[] = [];
      for (const density of [null, 1, 0.5]) {
        const model = new RobertaForMaskedLM(tinyConfig(still), { generator: new Generator(3) });
        if (density !== null) patch(model, density);
        const before = await model.getSubmodule("roberta.encoder.layer.0.intermediate.dense").parameters()[0]!.data();
        // As many polynomials as a gradient of low rank takes.
        const optimizer = combine(model, 12);
        await new Trainer({ model, optimizer, batches: tinyBatches(), steps: 1 }).train();
        const layer = model.getSubmodule("roberta.encoder.layer.0.intermediate.dense");
        const after = await layer.parameters()[0]!.data();
        sizes.push(
          Math.sqrt(Array.from(after).reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0) / after.length),
        );
        if (layer instanceof BlockSparseLinear) {
          const { lr, weightDecay } = optimizer.groups.find(({ params }) =>
            [...params.values()].includes(layer.values),
          )! as {
            lr: number;
            weightDecay?: number;
          };
          // 32 inputs in blocks of 8.
          expect(lr).toBeCloseTo(0.02 / Math.sqrt(4 * density!), 12);
          expect(lr * weightDecay!).toBeCloseTo(0.02 * 0.1, 12);
        }
        optimizer.dispose();
        model.dispose();
      }
      expect(sizes[1]! / sizes[0]!).toBeGreaterThan(0.8);
      expect(sizes[1]! / sizes[0]!).toBeLessThan(1.25);
      // Half as many blocks add up to the same outputs when each is √2 times as large.
      expect(sizes[2]! / sizes[1]!).toBeGreaterThan(1.2);
      expect(sizes[2]! / sizes[1]!).toBeLessThan(1.65);
    }));

  it.each([null, 0.5])(
    "trains a model of density %s, and resumes bit for bit under clip, schedule and accumulation",
    (density) =>
      withoutLeaks(async () => {
        const STEPS = 40;
        const start = () => {
          const model = new RobertaForMaskedLM(tinyConfig(still), {
            generator: new Generator(3),
            positionInit: "sinusoidal",
          });
          if (density !== null) patch(model, density);
          const optimizer = combine(model);
          const schedule = linearWarmup(optimizer, { warmupSteps: 3, totalSteps: STEPS });
          return { model, optimizer, schedule, batches: tinyBatches() };
        };
        const options = { steps: STEPS, maxGradNorm: 1, gradientAccumulationSteps: 2, loggingSteps: 5 };
        const weights = async ({ model }: ReturnType<typeof start>) =>
          Promise.all([...model.namedParameters().values()].map((x) => x.data()));
        const straight = start();
        const losses: number[] = [];
        await new Trainer({ ...straight, ...options, onProgress: ({ loss }) => void losses.push(loss) }).train();
        expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.15);
        const folder = new MemoryFolder();
        const [before, after] = [start(), start()];
        const controller = new AbortController();
        const stopped = await new Trainer({
          ...before,
          ...options,
          folder,
          onProgress: ({ step }) => void (step === 15 && controller.abort()),
        }).train({ signal: controller.signal });
        expect(stopped).toMatchObject({ status: "stopped", step: 15 });
        await new Trainer({ ...after, ...options, folder }).train({ resume: true });
        expect(await weights(after)).toEqual(await weights(straight));
        for (const { model, optimizer } of [straight, before, after]) {
          optimizer.dispose();
          model.dispose();
        }
      }),
  );
});

describe("sinusoidal positions", () => {
  it("start as waves of three deviations, but for padding, and change no other weight", () =>
    withoutLeaks(async () => {
      const make = (options: object) =>
        new RobertaForMaskedLM(tinyConfig(still), { generator: new Generator(5), ...options });
      const [plain, waves] = [make({}), make({ positionInit: "sinusoidal" })];
      for (const [name, parameter] of plain.namedParameters()) {
        const other = await waves.namedParameters().get(name)!.data();
        if (!name.endsWith("position_embeddings.weight")) {
          expect(other).toEqual(await parameter.data());
          continue;
        }
        const { initializerRange, padTokenId } = plain.config;
        const largest = 3 * initializerRange;
        expect(Math.max(...other)).toBeCloseTo(largest, 3);
        expect([...other.subarray(32 * padTokenId, 32 * padTokenId + 32)]).toEqual(new Array(32).fill(0));
        // Row 2, first feature: sin 2. The base follows from the 24 rows.
        expect(other[2 * 32]).toBeCloseTo(largest * Math.sin(2), 6);
        expect(other[2 * 32 + 15]).toBeCloseTo(largest * Math.sin(2 / 36 ** (30 / 32)), 6);
      }
      plain.dispose();
      waves.dispose();
    }));
});
