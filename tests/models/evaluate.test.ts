import {
  classificationEpoch,
  ClassificationCollator,
  evaluateClassification,
  evaluateMaskedLM,
  maskedLMEpoch,
  scoreClassification,
  scoreMaskedLM,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  weightDecayGroups,
  type EncodedExample,
} from "@tessera/models";
import { LayerNorm, Linear, Module, RMSNorm, Sequential } from "@tessera/nn";
import { Generator, mul, ones, Parameter, scope, tensor, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyBlocks, tinyCollator, tinyConfig } from "./tiny-model.ts";

const seeded = () => ({ generator: new Generator(4) });
/** −log softmax(row)[label], in float64. */
const entropy = (row: ArrayLike<number>, label: number): number => {
  const values = Array.from(row);
  return Math.log(values.reduce((sum, x) => sum + Math.exp(x), 0)) - values[label]!;
};

it("a classifier's loss and accuracy are those of its logits, text by text", () =>
  withoutLeaks(async () => {
    using model = new RobertaForSequenceClassification(tinyConfig({ numLabels: 3, initializerRange: 0.5 }), seeded());
    const examples: EncodedExample[] = Array.from({ length: 7 }, (_, i) => ({
      ids: [0, 7 + i, ...new Array<number>(i).fill(20 + i), 2],
      label: i % 3,
    }));
    const collator = new ClassificationCollator({ padTokenId: 1 });
    const found = await evaluateClassification(model, classificationEpoch({ examples, collator, batchSize: 3 }));
    expect(model.training).toBe(true);
    model.eval();
    let [loss, right] = [0, 0];
    for (const { ids, label } of examples) {
      const logits = scope(() =>
        model.forward({ inputIds: tensor(Int32Array.from(ids), [1, ids.length]) }).logits.dataSync(),
      );
      loss += entropy(logits, label);
      right += Number(logits.indexOf(Math.max(...logits)) === label);
    }
    expect(found.count).toBe(7);
    expect(found.accuracy).toBe(right / 7);
    expect(found.loss).toBeCloseTo(loss / 7, 5);
  }));

it("a masked language model's perplexity is that of the masked tokens", () =>
  withoutLeaks(async () => {
    using model = new RobertaForMaskedLM(tinyConfig({ initializerRange: 0.5 }), seeded());
    const epoch = () => maskedLMEpoch({ blocks: tinyBlocks(7), collator: tinyCollator(), batchSize: 3, seed: 1 });
    const found = await evaluateMaskedLM(model.eval(), epoch());
    expect(model.training).toBe(false);
    let [loss, right, count] = [0, 0, 0];
    for (const { inputIds, labels, shape } of epoch()) {
      const logits = scope(() => model.forward({ inputIds: tensor(inputIds, shape) }).logits!.dataSync());
      for (const [i, label] of labels.entries()) {
        if (label === -100) continue;
        const row = logits.subarray(64 * i, 64 * (i + 1));
        loss += entropy(row, label);
        right += Number(row.indexOf(Math.max(...row)) === label);
        count++;
      }
    }
    expect(found.count).toBe(count);
    expect(found.accuracy).toBe(right / count);
    expect(found.loss).toBeCloseTo(loss / count, 5);
    expect(found.perplexity).toBeCloseTo(Math.exp(loss / count), 1);
    expect(await evaluateMaskedLM(model, epoch())).toEqual(found);
  }));

it("scores of single texts and blocks have the means that evaluations find", () =>
  withoutLeaks(async () => {
    const mean = (values: Float64Array, weights: Float64Array): number =>
      values.reduce((sum, value, i) => sum + value * weights[i]!, 0) / weights.reduce((sum, weight) => sum + weight, 0);
    using classifier = new RobertaForSequenceClassification(
      tinyConfig({ numLabels: 3, initializerRange: 0.5 }),
      seeded(),
    );
    const examples: EncodedExample[] = Array.from({ length: 7 }, (_, i) => ({ ids: [0, 7 + i, 9, 2], label: i % 3 }));
    const collator = new ClassificationCollator({ padTokenId: 1 });
    const epoch = () => classificationEpoch({ examples, collator, batchSize: 3 });
    const texts = await scoreClassification(classifier, epoch());
    const ofTexts = await evaluateClassification(classifier, epoch());
    expect(texts.losses).toHaveLength(7);
    expect(mean(texts.losses, texts.weights)).toBeCloseTo(ofTexts.loss, 6);
    expect(mean(texts.correct, texts.weights)).toBeCloseTo(ofTexts.accuracy, 12);

    using model = new RobertaForMaskedLM(tinyConfig({ initializerRange: 0.5 }), seeded());
    const blocks = tinyBlocks();
    const masked = () => maskedLMEpoch({ blocks, collator: tinyCollator(), batchSize: 4, seed: 1 });
    const found = await scoreMaskedLM(model, masked());
    const whole = await evaluateMaskedLM(model, masked());
    expect(found.weights.reduce((sum, weight) => sum + weight, 0)).toBe(whole.count);
    expect(mean(found.losses, found.weights)).toBeCloseTo(whole.loss, 5);
    expect(mean(found.correct, found.weights)).toBeCloseTo(whole.accuracy, 12);
    // An item is a block: alone it has the loss that it has among others.
    const first = [...masked()][0]!;
    const length = first.shape[1];
    const labels = first.labels.map((label, i) => (i < length ? label : -100));
    const positionLabels = first.positionLabels.map((label, i) => (first.labelPositions[i]! < length ? label : -100));
    const alone = await evaluateMaskedLM(model, [{ ...first, labels, positionLabels }]);
    expect(found.losses[0]).toBeCloseTo(alone.loss, 5);
  }));

it("biases and layer norms do not decay", () => {
  using model = new RobertaForMaskedLM(tinyConfig({ numHiddenLayers: 1 }));
  const [decayed, spared] = weightDecayGroups(model, { weightDecay: 0.1 });
  expect(decayed!.weightDecay).toBe(0.1);
  expect(spared!.weightDecay).toBe(0);
  expect([...decayed!.params.keys()]).toEqual([
    "roberta.embeddings.word_embeddings.weight",
    "roberta.embeddings.position_embeddings.weight",
    "roberta.embeddings.token_type_embeddings.weight",
    ...[
      "attention.self.query",
      "attention.self.key",
      "attention.self.value",
      "attention.output.dense",
      "intermediate.dense",
      "output.dense",
    ].map((name) => `roberta.encoder.layer.0.${name}.weight`),
    "lm_head.dense.weight",
  ]);
  expect(decayed!.params.size + spared!.params.size).toBe(model.namedParameters().size);
});

class ScaleNorm extends Module {
  readonly gain = new Parameter(ones([4]));
  override get decays(): boolean {
    return false;
  }
  forward(x: Tensor): Tensor {
    return mul(x, this.gain);
  }
}

it("no norm decays, wherever it hangs and whatever its weights are called", () => {
  class Finer extends RMSNorm {}
  using model = new Sequential(
    new Linear(4, 4),
    new RMSNorm(4),
    new Sequential(new LayerNorm(4), new Finer(4), new RMSNorm(4, { elementwiseAffine: false })),
    new ScaleNorm(),
  );
  const [decayed, spared] = weightDecayGroups(model, { weightDecay: 0.1 });
  expect([...decayed!.params.keys()]).toEqual(["0.weight"]);
  expect([...spared!.params.keys()]).toEqual(["0.bias", "1.weight", "2.0.weight", "2.0.bias", "2.1.weight", "3.gain"]);
});

it("an evaluation without any label says so", async () => {
  using model = new RobertaForMaskedLM(tinyConfig({ numHiddenLayers: 1 }));
  await expect(evaluateMaskedLM(model, [])).rejects.toThrow(
    "evaluate: expected at least one label in the batches, got none; a mean of nothing is no number",
  );
});
