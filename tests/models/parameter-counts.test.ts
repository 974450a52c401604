import { valueAndGrad } from "@tessera/autograd";
import {
  RobertaConfig,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  RobertaModel,
  weightDecayGroups,
  type MaskedLMInputs,
} from "@tessera/models";
import { AdamW, clipGradNorm } from "@tessera/nn";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { arange, Generator, memory, randint, resetPeakMemory, scope } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyConfig } from "./tiny-model.ts";

const article = (): RobertaConfig =>
  new RobertaConfig({
    vocabSize: 52000,
    maxPositionEmbeddings: 514,
    numAttentionHeads: 12,
    numHiddenLayers: 6,
    typeVocabSize: 1,
  });

it("the article's model has 83,504,416 parameters, and 67,579,168 after its three patterns", () =>
  withoutLeaks(() => {
    using model = new RobertaForMaskedLM(article());
    const embeddings = (52000 + 514 + 1) * 768 + 2 * 768;
    const square = 768 * 768 + 768;
    const [up, down] = [768 * 3072 + 3072, 3072 * 768 + 768];
    const layer = 4 * square + up + down + 2 * (2 * 768);
    // The decoder's weight is the word embeddings', counted once; its bias is the head's.
    const head = square + 2 * 768 + 52000;
    expect(embeddings + 6 * layer + head).toBe(83_504_416);
    expect(model.numParameters()).toBe(83_504_416);

    new BlockSparseModelPatcher()
      .addPattern(/roberta\.encoder\.layer\.[0-9]+\.intermediate\.dense/, { density: 0.5 })
      .addPattern(/roberta\.encoder\.layer\.[0-9]+\.output\.dense/, { density: 0.5 })
      .addPattern(/roberta\.encoder\.layer\.[0-9]+\.attention\.output\.dense/, { density: 0.5 })
      .patchModel(model);
    // Blocks of 32 divide 768 and 3072, so half of the blocks of each weight is half of its numbers. Biases stay.
    const gone = (768 * 3072 + 3072 * 768 + 768 * 768) / 2;
    expect(83_504_416 - 6 * gone).toBe(67_579_168);
    expect(model.numParameters()).toBe(67_579_168);
  }));

it(
  "the article's model trains on the CPU within 8 GiB",
  () =>
    withoutLeaks(async () => {
      using model = new RobertaForMaskedLM(article(), { generator: new Generator(1) });
      using optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr: 1e-4 });
      const lossAndGrads = valueAndGrad(model, (inputs: MaskedLMInputs) => ({ loss: model.forward(inputs).loss! }));
      resetPeakMemory();
      const { loss, norm } = scope(() => {
        const draw = { generator: new Generator(2) };
        const inputIds = randint(5, 52000, [2, 128], draw);
        const { value, grads } = lossAndGrads({
          inputIds,
          labels: randint(5, 52000, [39], draw),
          labelPositions: arange(39),
        });
        const norm = clipGradNorm(grads, 1).item();
        optimizer.step(grads);
        return { loss: value.loss.item(), norm };
      });
      // It knows nothing yet: about as good as a guess among 52,000.
      expect(await loss).toBeGreaterThan(Math.log(52000) - 0.6);
      expect(await loss).toBeLessThan(Math.log(52000) + 0.6);
      expect(await norm).toBeGreaterThan(0);
      expect(memory()["cpu"]!.peakBytes).toBeLessThan(8 * 2 ** 30);
    }),
  60_000,
);

it("counts heads, poolers and untied decoders", () => {
  // Embeddings 64·16 + 24·16 + 16 + 2·16; a layer 4·(16·16 + 16) + (16·32 + 32) + (32·16 + 16) + 4·16.
  const body = 1024 + 384 + 16 + 32 + 2 * (1088 + 544 + 528 + 64);
  const count = (model: RobertaModel | RobertaForMaskedLM | RobertaForSequenceClassification): number => {
    const parameters = model.numParameters();
    model.dispose();
    return parameters;
  };
  expect(count(new RobertaModel(tinyConfig(), { addPoolingLayer: false }))).toBe(body);
  expect(count(new RobertaModel(tinyConfig()))).toBe(body + 16 * 16 + 16);
  expect(count(new RobertaForMaskedLM(tinyConfig()))).toBe(body + 16 * 16 + 16 + 32 + 64);
  expect(count(new RobertaForMaskedLM(tinyConfig({ tieWordEmbeddings: false })))).toBe(
    body + 16 * 16 + 16 + 32 + 64 + 64 * 16,
  );
  expect(count(new RobertaForSequenceClassification(tinyConfig({ numLabels: 5 })))).toBe(
    body + 16 * 16 + 16 + 5 * 16 + 5,
  );
});
