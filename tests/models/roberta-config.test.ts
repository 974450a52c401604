import { RobertaConfig, type RobertaConfigOptions } from "@tessera/models";
import { describe, expect, it } from "vitest";

describe("RobertaConfig", () => {
  it("has the defaults of Hugging Face", () => {
    expect(new RobertaConfig().toJSON()).toEqual({
      attention_probs_dropout_prob: 0.1,
      bos_token_id: 0,
      classifier_dropout: null,
      eos_token_id: 2,
      hidden_act: "gelu",
      hidden_dropout_prob: 0.1,
      hidden_size: 768,
      initializer_range: 0.02,
      intermediate_size: 3072,
      layer_norm_eps: 1e-12,
      max_position_embeddings: 512,
      model_type: "roberta",
      num_attention_heads: 12,
      num_hidden_layers: 12,
      pad_token_id: 1,
      tie_word_embeddings: true,
      type_vocab_size: 2,
      vocab_size: 50265,
    });
  });

  it("writes keys in order, so that equal configurations are equal files", () => {
    const keys = Object.keys(new RobertaConfig({ numLabels: 3 }, { use_cache: true, a: 1 }).toJSON());
    expect(keys).toEqual([...keys].sort());
  });

  it("keeps keys that it does not know, and reads what it writes", () => {
    const json = {
      ...new RobertaConfig({ hiddenSize: 48, numLabels: 3 }).toJSON(),
      transformers_version: "5.17.0",
      use_cache: true,
    };
    const config = RobertaConfig.fromJSON(JSON.stringify(json));
    expect(config.hiddenSize).toBe(48);
    expect(config.extra).toEqual({ transformers_version: "5.17.0", use_cache: true });
    expect(config.toJSON()).toEqual(json);
  });

  it("takes labels from id2label, else num_labels, else two", () => {
    expect(RobertaConfig.fromJSON({}).numLabels).toBe(2);
    expect(RobertaConfig.fromJSON({ num_labels: 4 }).numLabels).toBe(4);
    const config = RobertaConfig.fromJSON({ id2label: { "0": "animal", "1": "plant", "2": "food" } });
    expect(config.numLabels).toBe(3);
    expect(config.label2id).toEqual({ animal: 0, plant: 1, food: 2 });
    expect(config.toJSON()).toMatchObject({ id2label: { 0: "animal", 1: "plant", 2: "food" }, label2id: { plant: 1 } });
  });

  it("changes options, and labels as a whole", () => {
    const config = new RobertaConfig({ id2label: { 0: "a", 1: "b", 2: "c" }, hiddenSize: 48 }, { use_cache: true });
    expect(config.with({ hiddenDropoutProb: 0 })).toMatchObject({
      hiddenDropoutProb: 0,
      hiddenSize: 48,
      numLabels: 3,
      extra: { use_cache: true },
    });
    expect(config.with({ numLabels: 2 }).label2id).toEqual({ LABEL_0: 0, LABEL_1: 1 });
  });

  const wrong: [RobertaConfigOptions, RegExp][] = [
    [{ hiddenSize: 0 }, /RobertaConfig: expected hiddenSize to be a whole number ≥ 1, got 0/],
    [{ hiddenSize: 100 }, /expected hiddenSize to be a multiple of numAttentionHeads \(12\), got 100/],
    [{ numHiddenLayers: 1.5 }, /expected numHiddenLayers to be a whole number ≥ 0, got 1.5/],
    [{ hiddenDropoutProb: 1 }, /expected hiddenDropoutProb to be in \[0, 1\), got 1/],
    [{ layerNormEps: 0 }, /expected layerNormEps to be a number > 0, got 0/],
    [{ padTokenId: 70000 }, /expected padTokenId to be below vocabSize \(50265\), got 70000/],
    [{ numLabels: 0 }, /expected numLabels to be a whole number ≥ 1, got 0/],
    [{ id2label: { 0: "a", 2: "b" } }, /expected id2label to be a name for each of 0 … 1, got {"0":"a","2":"b"}/],
    [{ id2label: { 0: "a", 1: "b" }, numLabels: 3 }, /expected numLabels to be 2, as many as id2label has, got 3/],
    [
      { problemType: "classification" as "regression" },
      /expected problemType to be one of regression, single_label_classification, .*, got "classification"/,
    ],
    [{ hiddenAct: "mish" as "gelu" }, /expected hiddenAct to be one of gelu, gelu_new, .*, got "mish"/],
  ];
  it.each(wrong)("refuses %j", (options, message) => {
    expect(() => new RobertaConfig(options)).toThrow(message);
  });

  const foreign: [unknown, RegExp][] = [
    ["{", /config.json: expected a JSON object, got text that is none/],
    ["[]", /config.json: expected a JSON object, got \[\]/],
    [
      { model_type: "bert" },
      /config.json: expected model_type roberta, got "bert"; only RoBERTa's architecture is here/,
    ],
    [
      { position_embedding_type: "relative_key" },
      /config.json: position_embedding_type "relative_key" is not supported; encoders with absolute positions are/,
    ],
    [{ is_decoder: true }, /config.json: is_decoder true is not supported/],
    [{ hidden_size: "768" }, /expected hiddenSize to be a whole number ≥ 1, got "768"/],
    [{ tie_word_embeddings: "false" }, /expected tieWordEmbeddings to be true or false, got "false"/],
    [{ num_labels: "two" }, /expected numLabels to be a whole number ≥ 1, got "two"/],
  ];
  it.each(foreign)("refuses the file %j", (json, message) => {
    expect(() => RobertaConfig.fromJSON(json)).toThrow(message);
  });
});
