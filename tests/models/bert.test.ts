import { valueAndGrad } from "@tessera/autograd";
import {
  BertConfig,
  BertForMaskedLM,
  BertForSequenceClassification,
  BertModel,
  evaluateMaskedLM,
  maskedLMEpoch,
  MemoryFolder,
  type BertConfigOptions,
  type MaskedLMInputs,
} from "@tessera/models";
import { BlockSparseLinear, BlockSparseModelPatcher } from "@tessera/sparse";
import { Generator, readSafetensors, scope, tensor, writeSafetensors, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { ourGoldens } from "../goldens/folder.ts";
import { difference } from "../support/close.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyBlocks, tinyCollator } from "./tiny-model.ts";

const sizes: BertConfigOptions = {
  vocabSize: 64,
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 32,
  maxPositionEmbeddings: 14,
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
};
const config = (options: BertConfigOptions = {}): BertConfig => new BertConfig({ ...sizes, ...options });
const seeded = () => ({ generator: new Generator(11) });
const ids = (...rows: readonly number[][]): Tensor =>
  tensor(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
const near = (a: Tensor, b: Tensor, relative = 1e-6): string | null => {
  const host = (x: Tensor) => ({ shape: x.shape, dtype: x.dtype, values: x.dataSync() });
  return difference(host(a), host(b), { relative });
};

describe("BertConfig", () => {
  it("has the defaults of Hugging Face", () => {
    expect(new BertConfig().toJSON()).toEqual({
      attention_probs_dropout_prob: 0.1,
      classifier_dropout: null,
      hidden_act: "gelu",
      hidden_dropout_prob: 0.1,
      hidden_size: 768,
      initializer_range: 0.02,
      intermediate_size: 3072,
      layer_norm_eps: 1e-12,
      max_position_embeddings: 512,
      model_type: "bert",
      num_attention_heads: 12,
      num_hidden_layers: 12,
      pad_token_id: 0,
      tie_word_embeddings: true,
      type_vocab_size: 2,
      vocab_size: 30522,
    });
  });
  it("writes back what it read from Hugging Face", async () => {
    for (const folder of ["bert-mlm", "bert-classification"]) {
      const json = await ourGoldens.folder(folder).json<{ architectures: unknown }>("config.json");
      expect(BertConfig.fromJSON(json).toJSON()).toEqual(json);
    }
  });
  it("refuses what is not BERT's, by its own name", () => {
    expect(() => BertConfig.fromJSON({ model_type: "roberta" })).toThrow(
      /config.json: expected model_type bert, got "roberta"; only BERT's architecture is here, AutoModelForMaskedLM and its like choose by the file/,
    );
    expect(() => config({ hiddenSize: 15 })).toThrow(
      /BertConfig: expected hiddenSize to be a multiple of numAttentionHeads \(2\), got 15/,
    );
    expect(() => BertConfig.fromJSON({ is_decoder: true })).toThrow(
      /is_decoder true is not supported; encoders with absolute positions are/,
    );
  });
});

describe("parameter names", () => {
  const keysOf = async (folder: string): Promise<string[]> => {
    const { tensors } = readSafetensors(await ourGoldens.folder(folder).bytes("model.safetensors"));
    return [...tensors.keys()].sort();
  };
  it("are Hugging Face's for masked LM, the decoder's being second names", async () => {
    using model = new BertForMaskedLM(config());
    expect([...model.stateDict().keys()].sort()).toEqual(await keysOf("bert-mlm"));
    expect(Object.fromEntries(model.aliases())).toEqual({
      "bert.embeddings.word_embeddings.weight": ["cls.predictions.decoder.weight"],
      "cls.predictions.bias": ["cls.predictions.decoder.bias"],
    });
  });
  it("are Hugging Face's for sequence classification", async () => {
    using model = new BertForSequenceClassification(config());
    expect([...model.stateDict().keys()].sort()).toEqual(await keysOf("bert-classification"));
  });
});

it("has 109,514,298 parameters at its base size, with the masked-LM head", () => {
  using model = new BertForMaskedLM(new BertConfig({ numHiddenLayers: 0 }));
  using one = new BertModel(new BertConfig({ numHiddenLayers: 1, vocabSize: 1 }), { addPoolingLayer: false });
  using none = new BertModel(new BertConfig({ numHiddenLayers: 0, vocabSize: 1 }), { addPoolingLayer: false });
  const layer = one.numParameters() - none.numParameters();
  expect(model.numParameters() + 12 * layer).toBe(109_514_298);
});

describe("positions", () => {
  it("are 0, 1, 2, …, on padding too", () => {
    using model = new BertModel(config(), seeded());
    scope((): void => {
      const inputIds = ids([2, 7, 0, 8], [2, 9, 8, 0]);
      const counted = model.forward({ inputIds }).lastHiddenState;
      const given = model.forward({ inputIds, positionIds: ids([0, 1, 2, 3], [0, 1, 2, 3]) }).lastHiddenState;
      const others = model.forward({ inputIds, positionIds: ids([1, 2, 0, 3], [1, 2, 3, 0]) }).lastHiddenState;
      expect(near(counted, given, 0)).toBeNull();
      expect(near(counted, others)).not.toBeNull();
    });
  });
  it("make a text that is too long an error", () => {
    using model = new BertModel(config(), seeded());
    const row = (length: number): Tensor => ids(Array.from({ length }, () => 7));
    scope((): void => {
      expect(model.forward({ inputIds: row(14) }).lastHiddenState.shape).toEqual([1, 14, 16]);
      expect(() => model.forward({ inputIds: row(15) })).toThrow(
        /BertModel: expected at most 14 tokens \(maxPositionEmbeddings\), got 15; truncate the text/,
      );
    });
  });
});

describe("masked LM", () => {
  const labelled = (): MaskedLMInputs => ({
    inputIds: ids([2, 7, 4, 9, 3], [2, 4, 8, 3, 0]),
    attentionMask: ids([1, 1, 1, 1, 1], [1, 1, 1, 1, 0]),
    tokenTypeIds: ids([0, 0, 1, 1, 1], [0, 0, 0, 1, 1]),
    labels: ids([-100, -100, 8, -100, -100], [-100, 7, -100, -100, -100]),
  });
  it("gives the same loss and gradients on the masked positions alone", () =>
    withoutLeaks(() => {
      using model = new BertForMaskedLM(config(), seeded());
      scope((): void => {
        const step = valueAndGrad(model, (inputs: MaskedLMInputs) => ({ loss: model.forward(inputs).loss! }));
        const whole = step(labelled());
        const some = step({ ...labelled(), labelPositions: tensor(new Int32Array([2, 6, 0])) });
        expect(near(some.value.loss, whole.value.loss)).toBeNull();
        for (const [name, gradient] of whole.grads)
          expect(near(some.grads.get(name)!, gradient, 1e-5), name).toBeNull();
      });
    }));
  it("gives logits at the positions alone, with labels and without", () => {
    using model = new BertForMaskedLM(config(), seeded());
    scope((): void => {
      const labelPositions = tensor(new Int32Array([2, 6]));
      const { labels, ...inputs } = labelled();
      const all = model.forward(inputs).logits!;
      const at = model.forward({ ...inputs, labelPositions, returnLogits: "positions" });
      expect(at.loss).toBeUndefined();
      expect(near(at.logits!, all.reshape([10, 64]).indexSelect(0, labelPositions))).toBeNull();
      const both = model.forward({ ...inputs, labels, labelPositions, returnLogits: "positions" });
      expect(both.logits!.shape).toEqual([2, 64]);
      expect(near(both.loss!, model.forward({ ...inputs, labels }).loss!)).toBeNull();
      expect(() => model.forward({ ...inputs, returnLogits: "positions" })).toThrow(
        /BertForMaskedLM: expected labelPositions beside returnLogits "positions", got none; give them, or ask for all logits with true/,
      );
    });
  });
  it("is evaluated as any other", async () => {
    using model = new BertForMaskedLM(config({ initializerRange: 0.5, padTokenId: 1 }), seeded());
    const epoch = () => maskedLMEpoch({ blocks: tinyBlocks(7), collator: tinyCollator(), batchSize: 3, seed: 1 });
    const { loss, perplexity, count } = await evaluateMaskedLM(model, epoch());
    expect(perplexity).toBe(Math.exp(loss));
    expect(count).toBeGreaterThan(10);
  });
});

describe("folders", () => {
  const patterns = { density: 0.5, blockSize: 8 };
  it("of a model with another head load, and say which weights are new", () =>
    withoutLeaks(async () => {
      using model = new BertForMaskedLM(config(), seeded());
      new BlockSparseModelPatcher().addPattern(/bert\..*\.intermediate\.dense/, patterns).patchModel(model);
      const folder = new MemoryFolder();
      await model.savePretrained(folder);
      const found = await BertForSequenceClassification.fromPretrained(folder, { numLabels: 3 });
      // Masked language models have no pooler: the classifier's is as new as the classifier.
      expect(found.missingKeys).toEqual([
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
      ]);
      expect(found.unexpectedKeys).toHaveLength(5);
      expect(found.unexpectedKeys.every((key) => key.startsWith("cls.predictions."))).toBe(true);
      expect(found.model.getSubmodule("bert.encoder.layer.1.intermediate.dense")).toBeInstanceOf(BlockSparseLinear);
      found.model.dispose();
    }));
  it("of Hugging Face's pre-training model load, and leave out what it says of sentences", async () => {
    using model = new BertForMaskedLM(config(), seeded());
    const folder = new MemoryFolder();
    await model.savePretrained(folder);
    const { tensors, metadata } = readSafetensors(await folder.read("model.safetensors"));
    const square = (...shape: number[]) =>
      ({ shape, dtype: "float32", data: new Float32Array(shape.reduce((a, b) => a * b)) }) as const;
    const more = new Map([
      ...tensors,
      ["bert.pooler.dense.weight", square(16, 16)],
      ["bert.pooler.dense.bias", square(16)],
      ["cls.seq_relationship.weight", square(2, 16)],
      ["cls.seq_relationship.bias", square(2)],
    ]);
    await folder.write(new Map([["model.safetensors", writeSafetensors(more, metadata)]]));
    const { model: again, unexpectedKeys, missingKeys } = await BertForMaskedLM.fromPretrained(folder);
    expect(missingKeys).toEqual([]);
    expect([...unexpectedKeys].sort()).toEqual([
      "bert.pooler.dense.bias",
      "bert.pooler.dense.weight",
      "cls.seq_relationship.bias",
      "cls.seq_relationship.weight",
    ]);
    again.dispose();
  });
  it("with and without the bert. prefix load into models without and with a head", async () => {
    using body = new BertModel(config(), seeded());
    const folder = new MemoryFolder();
    await body.savePretrained(folder);
    const { model, missingKeys } = await BertForSequenceClassification.fromPretrained(folder);
    expect(missingKeys).toEqual(["classifier.weight", "classifier.bias"]);
    expect(await model.bert.pooler!.dense.weight.data()).toEqual(await body.pooler!.dense.weight.data());
    await model.savePretrained(folder);
    const { model: again, unexpectedKeys } = await BertModel.fromPretrained(folder);
    expect([...unexpectedKeys].sort()).toEqual(["classifier.bias", "classifier.weight"]);
    expect(await again.pooler!.dense.weight.data()).toEqual(await body.pooler!.dense.weight.data());
    model.dispose();
    again.dispose();
  });
});
