import { readFileSync } from "node:fs";
import { valueAndGrad } from "@tessera/autograd";
import {
  HIDDEN_ACTIVATIONS,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  RobertaModel,
  type MaskedLMInputs,
} from "@tessera/models";
import { Linear } from "@tessera/nn";
import { BlockSparseLinear, BlockSparseModelPatcher } from "@tessera/sparse";
import { Generator, gelu, manualSeed, readSafetensors, scope, tensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyBatches, tinyConfig } from "./tiny-model.ts";

const ids = (rows: readonly (readonly number[])[]): Tensor =>
  tensor(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
const quiet = { hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
const seeded = () => ({ generator: new Generator(11) });
const near = (a: Tensor, b: Tensor, relative = 1e-6): string | null => {
  const host = (x: Tensor) => ({ shape: x.shape, dtype: x.dtype, values: x.dataSync() });
  return difference(host(a), host(b), { relative });
};

describe("parameter names", () => {
  const keysOf = (folder: string): string[] => {
    const { tensors } = readSafetensors(
      readFileSync(new URL(`../../goldens/${folder}/model.safetensors`, import.meta.url)),
    );
    return [...tensors.keys()].sort();
  };
  it("are Hugging Face's for masked LM, the decoder's being second names", () => {
    using model = new RobertaForMaskedLM(tinyConfig());
    expect([...model.stateDict().keys()].sort()).toEqual(keysOf("roberta-mlm"));
    expect(Object.fromEntries(model.aliases())).toEqual({
      "roberta.embeddings.word_embeddings.weight": ["lm_head.decoder.weight"],
      "lm_head.bias": ["lm_head.decoder.bias"],
    });
  });
  it("are Hugging Face's for sequence classification", () => {
    using model = new RobertaForSequenceClassification(tinyConfig());
    expect([...model.stateDict().keys()].sort()).toEqual(keysOf("roberta-classification"));
  });
});

describe("initial weights", () => {
  it("are normal with initializerRange, zero for biases and padding, one for layer norms", async () => {
    using model = new RobertaForMaskedLM(tinyConfig({ vocabSize: 2000, initializerRange: 0.5 }), seeded());
    for (const [name, parameter] of model.namedParameters()) {
      const values = [...(await parameter.data())];
      if (name.endsWith("bias"))
        expect(
          values.every((x) => x === 0),
          name,
        ).toBe(true);
      else if (/(LayerNorm|layer_norm)\.weight$/.test(name))
        expect(
          values.every((x) => x === 1),
          name,
        ).toBe(true);
      else {
        const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
        // The smallest is one row of 16 numbers: its deviation is known to a quarter of itself.
        expect(deviation, name).toBeGreaterThan(0.2);
        expect(deviation, name).toBeLessThan(0.9);
      }
      if (/(word|position)_embeddings/.test(name)) expect(values.slice(16, 32), name).toEqual(new Array(16).fill(0));
    }
  });
  it("follow from the generator", async () => {
    using a = new RobertaForMaskedLM(tinyConfig(), seeded());
    using b = new RobertaForMaskedLM(tinyConfig(), seeded());
    using c = new RobertaForMaskedLM(tinyConfig(), { generator: new Generator(12) });
    const first = (model: RobertaForMaskedLM) => model.roberta.embeddings.word_embeddings.weight.data();
    expect(await first(a)).toEqual(await first(b));
    expect(await first(a)).not.toEqual(await first(c));
  });
});

describe("positions", () => {
  it("are counted from padTokenId + 1, and are padTokenId on padding", () => {
    using model = new RobertaModel(tinyConfig(quiet), seeded());
    scope((): void => {
      const inputIds = ids([[0, 7, 1, 8, 1]]);
      const counted = model.forward({ inputIds }).lastHiddenState;
      const given = model.forward({ inputIds, positionIds: ids([[2, 3, 1, 4, 1]]) }).lastHiddenState;
      const plain = model.forward({ inputIds, positionIds: ids([[2, 3, 4, 5, 6]]) }).lastHiddenState;
      expect(near(counted, given, 0)).toBeNull();
      expect(near(counted, plain)).not.toBeNull();
    });
  });
  it("make a text that is too long an error", () => {
    using model = new RobertaModel(tinyConfig(quiet), seeded());
    const long = [Array.from({ length: 23 }, () => 7)];
    scope((): void => {
      expect(model.forward({ inputIds: ids([long[0]!.slice(1)]) }).lastHiddenState.shape).toEqual([1, 22, 16]);
      expect(() => model.forward({ inputIds: ids(long) })).toThrow(
        /RobertaModel: expected at most 22 tokens \(maxPositionEmbeddings − padTokenId − 1\), got 23; truncate the text/,
      );
    });
  });
});

describe("the attention mask", () => {
  it("makes padding invisible", () => {
    using model = new RobertaModel(tinyConfig(quiet), seeded());
    scope((): void => {
      const mask = ids([[1, 1, 1, 0, 0]]);
      const one = model.forward({ inputIds: ids([[0, 7, 2, 1, 1]]), attentionMask: mask }).poolerOutput!;
      const short = model.forward({ inputIds: ids([[0, 7, 2]]) }).poolerOutput!;
      expect(near(one, short)).toBeNull();
    });
  });
  it("must have the shape of the ids", () => {
    using model = new RobertaModel(tinyConfig(quiet), seeded());
    scope((): void => {
      expect(() => model.forward({ inputIds: ids([[0, 2]]), attentionMask: ids([[1, 1, 1]]) })).toThrow(
        /expected an attentionMask \[1, 2\] as inputIds, got \[1, 3\]/,
      );
      expect(() => model.forward({ inputIds: tensor(new Int32Array([0, 2])) })).toThrow(
        /expected inputIds \[batch, tokens\], got \[2\]/,
      );
    });
  });
});

it("token types choose their row, and none given is type 0", () => {
  using model = new RobertaModel(tinyConfig({ ...quiet, typeVocabSize: 2 }), seeded());
  scope((): void => {
    const inputIds = ids([[0, 7, 2]]);
    const none = model.forward({ inputIds }).lastHiddenState;
    expect(near(none, model.forward({ inputIds, tokenTypeIds: ids([[0, 0, 0]]) }).lastHiddenState, 0)).toBeNull();
    expect(near(none, model.forward({ inputIds, tokenTypeIds: ids([[0, 1, 1]]) }).lastHiddenState)).not.toBeNull();
  });
});

describe("masked LM", () => {
  const lossAndGrads = (model: RobertaForMaskedLM, inputs: MaskedLMInputs) =>
    valueAndGrad(model, (batch: MaskedLMInputs) => ({ loss: model.forward(batch).loss! }))(inputs);

  it("gives the same loss and gradients on the masked positions alone", () =>
    withoutLeaks(() => {
      using model = new RobertaForMaskedLM(tinyConfig(quiet), seeded());
      scope((): void => {
        const inputIds = ids([
          [0, 7, 4, 9, 2],
          [0, 4, 8, 2, 1],
        ]);
        const attentionMask = ids([
          [1, 1, 1, 1, 1],
          [1, 1, 1, 1, 0],
        ]);
        const labels = ids([
          [-100, -100, 8, -100, -100],
          [-100, 7, -100, -100, -100],
        ]);
        const whole = lossAndGrads(model, { inputIds, attentionMask, labels });
        // The fixed count is padded with a position that has no label.
        const labelPositions = tensor(new Int32Array([2, 6, 0, 0]));
        const gathered = tensor(new Int32Array([8, 7, -100, -100]));
        for (const given of [labels, gathered]) {
          const some = lossAndGrads(model, { inputIds, attentionMask, labels: given, labelPositions });
          expect(near(some.value.loss, whole.value.loss)).toBeNull();
          for (const [name, gradient] of whole.grads)
            expect(near(some.grads.get(name)!, gradient, 1e-5), name).toBeNull();
        }
      });
    }));

  it("leaves logits out beside label positions, unless they are asked for", () => {
    using model = new RobertaForMaskedLM(tinyConfig(quiet), seeded());
    scope((): void => {
      const inputs = {
        inputIds: ids([[0, 4, 2]]),
        labels: tensor(new Int32Array([7])),
        labelPositions: tensor(new Int32Array([1])),
      };
      const lean = model.forward(inputs);
      const full = model.forward({ ...inputs, returnLogits: true, outputHiddenStates: true });
      expect(lean.logits).toBeUndefined();
      expect(full.logits!.shape).toEqual([1, 3, 64]);
      expect(full.hiddenStates!.map(({ shape }) => shape)).toEqual([
        [1, 3, 16],
        [1, 3, 16],
        [1, 3, 16],
      ]);
      expect(near(lean.loss!, full.loss!)).toBeNull();
      expect(model.forward({ inputIds: inputs.inputIds }).loss).toBeUndefined();
    });
  });

  it("refuses labels of another shape", () => {
    using model = new RobertaForMaskedLM(tinyConfig(quiet), seeded());
    scope((): void => {
      const inputIds = ids([[0, 4, 2]]);
      const [one, two] = [tensor(new Int32Array([1])), tensor(new Int32Array([1, 1]))];
      expect(() => model.forward({ inputIds, labels: two })).toThrow(
        /RobertaForMaskedLM: expected labels \[1, 3\] as inputIds, got \[2\]; give labelPositions beside a list of labels/,
      );
      expect(() => model.forward({ inputIds, labels: two, labelPositions: one })).toThrow(
        /expected a label for each of labelPositions \[1\], got labels \[2\]/,
      );
    });
  });

  it("gives the padding row no gradient from lookups, but one as an output", () => {
    using model = new RobertaForMaskedLM(tinyConfig({ ...quiet, tieWordEmbeddings: false }), seeded());
    scope((): void => {
      const inputs = { inputIds: ids([[0, 4, 2, 1]]), labels: ids([[-100, 7, -100, -100]]) };
      const { grads } = lossAndGrads(model, inputs);
      const row = (name: string): number[] => [...grads.get(name)!.dataSync().slice(16, 32)];
      expect(row("roberta.embeddings.word_embeddings.weight").every((x) => x === 0)).toBe(true);
      expect(row("lm_head.decoder.weight").some((x) => x !== 0)).toBe(true);
    });
  });
});

describe("sequence classification", () => {
  const inputIds = () =>
    ids([
      [0, 7, 2],
      [0, 9, 2],
    ]);
  it("has a loss for classes, for several labels, and for numbers", async () => {
    using three = new RobertaForSequenceClassification(tinyConfig({ ...quiet, numLabels: 3 }), seeded());
    using one = new RobertaForSequenceClassification(tinyConfig({ ...quiet, numLabels: 1 }), seeded());
    const { classes, several, numbers, logits, score } = scope(() => ({
      classes: three.forward({ inputIds: inputIds(), labels: tensor(new Int32Array([2, 0])) }).loss!,
      several: three.forward({
        inputIds: inputIds(),
        labels: tensor([
          [1, 0, 1],
          [0, 0, 1],
        ]),
      }).loss!,
      numbers: one.forward({ inputIds: inputIds(), labels: tensor([0.5, -1]) }).loss!,
      logits: three.forward({ inputIds: inputIds() }).logits,
      score: one.forward({ inputIds: inputIds() }).logits,
    }));
    const rows = await logits.data();
    const [a, b] = [[...rows.slice(0, 3)], [...rows.slice(3)]];
    const softplus = (x: number): number => Math.log1p(Math.exp(x));
    const entropy = (row: number[], label: number): number =>
      Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[label]!;
    const binary = (row: number[], labels: number[]): number =>
      row.reduce((sum, x, i) => sum + softplus(x) - labels[i]! * x, 0);
    expect(await classes.item()).toBeCloseTo((entropy(a, 2) + entropy(b, 0)) / 2, 5);
    expect(await several.item()).toBeCloseTo((binary(a, [1, 0, 1]) + binary(b, [0, 0, 1])) / 6, 5);
    const [s, t] = await score.data();
    expect(await numbers.item()).toBeCloseTo(((s! - 0.5) ** 2 + (t! + 1) ** 2) / 2, 5);
  });
  it("refuses labels of another shape", () => {
    using model = new RobertaForSequenceClassification(tinyConfig(quiet), seeded());
    scope((): void => {
      expect(() => model.forward({ inputIds: inputIds(), labels: tensor(new Int32Array([1])) })).toThrow(
        /RobertaForSequenceClassification: expected labels \[2\] for single_label_classification, got \[1\]/,
      );
    });
  });
});

describe("dropout", () => {
  it("is drawn in training alone, from the seed", async () => {
    using model = new RobertaModel(tinyConfig({ hiddenDropoutProb: 0.3, attentionProbsDropoutProb: 0.3 }), seeded());
    const run = (seed: number): Promise<ArrayLike<number>> => {
      manualSeed(seed);
      return scope(() => ({ values: model.forward({ inputIds: ids([[0, 7, 8, 2]]) }).lastHiddenState.data() })).values;
    };
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
    model.eval();
    expect(await run(1)).toEqual(await run(2));
  });
});

it.each(HIDDEN_ACTIVATIONS)("computes with the activation %s", (hiddenAct) => {
  using model = new RobertaModel(tinyConfig({ ...quiet, hiddenAct }), seeded());
  const formulas: { readonly [name in typeof hiddenAct]?: (x: number) => number } = {
    relu: (x) => Math.max(x, 0),
    tanh: Math.tanh,
    silu: (x) => x / (1 + Math.exp(-x)),
    swish: (x) => x / (1 + Math.exp(-x)),
  };
  const tanhGelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  scope((): void => {
    const x = tensor(
      Array.from({ length: 16 }, (_, i) => 3 * Math.sin(i)),
      [1, 1, 16],
    );
    const { intermediate } = model.encoder.layer.at(0);
    const dense = intermediate.dense as Linear;
    const before = new Linear(16, 32, { weight: dense.weight, bias: dense.bias! }).forward(x);
    const got = intermediate.forward(x);
    const formula = formulas[hiddenAct] ?? tanhGelu;
    const want =
      hiddenAct === "gelu" ? gelu(before) : tensor(Float32Array.from(before.dataSync(), formula), before.shape);
    expect(near(got, want, 1e-5)).toBeNull();
    // The exact GELU and its approximation are apart.
    if (hiddenAct === "gelu")
      expect(near(got, tensor(Float32Array.from(before.dataSync(), tanhGelu), before.shape), 1e-6)).not.toBeNull();
  });
});

it("a patched layer keeps its activation", () => {
  using model = new RobertaModel(tinyConfig({ ...quiet, hiddenSize: 32, intermediateSize: 64 }), seeded());
  scope((): void => {
    const inputIds = ids([[0, 7, 2]]);
    const dense = model.forward({ inputIds }).lastHiddenState;
    new BlockSparseModelPatcher()
      .addPattern(/encoder\.layer\.[0-9]+\.intermediate\.dense/, { density: 1, blockSize: 16 })
      .patchModel(model);
    expect(model.encoder.layer.at(1).intermediate.dense).toBeInstanceOf(BlockSparseLinear);
    expect(near(model.forward({ inputIds }).lastHiddenState, dense, 1e-5)).toBeNull();
  });
});

it("leaves nothing behind after a forward pass, a gradient and disposal", () =>
  withoutLeaks(() => {
    using model = new RobertaForMaskedLM(tinyConfig());
    const batches = tinyBatches();
    scope((): void => {
      model.forward({ ...batches.next().inputs, outputHiddenStates: true, returnLogits: true });
      valueAndGrad(model, (inputs: MaskedLMInputs) => ({ loss: model.forward(inputs).loss! }))(batches.next().inputs);
    });
  }));

it("names the layer in which something went wrong", async () => {
  using model = new RobertaModel(tinyConfig(quiet), seeded());
  expect(await valuesOf(model.embeddings.word_embeddings.weight)).toMatchObject({ shape: [64, 16] });
  scope((): void => {
    expect(() => model.forward({ inputIds: ids([[0, 64, 2]]) })).toThrow(/embeddings.word_embeddings: embedding: .*64/);
  });
});
