// Decoders, DistilBERT and the vision transformer beyond their goldens: configurations, files, heads, errors.
import {
  AutoModel,
  AutoModelForCausalLM,
  BertConfig,
  BertForQuestionAnswering,
  BertForTokenClassification,
  DistilBertConfig,
  DistilBertForMaskedLM,
  DistilBertForQuestionAnswering,
  DistilBertModel,
  GPT2Config,
  GPT2LMHeadModel,
  GPT2Model,
  LlamaConfig,
  LlamaForCausalLM,
  MemoryFolder,
  nextTokenLoss,
  ViTConfig,
  ViTForImageClassification,
  ViTModel,
  type GPT2ConfigOptions,
  type JsonObject,
  type LlamaConfigOptions,
} from "@tessera/models";
import { BlockSparseLinear, BlockSparseModelPatcher } from "@tessera/sparse";
import { dispose, Generator, readSafetensors, scope, tensor, writeSafetensors, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { ourGoldens } from "../goldens/folder.ts";
import { difference } from "../support/close.ts";
import { withoutLeaks } from "../support/leaks.ts";

const ids = (...rows: readonly number[][]): Tensor =>
  tensor(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
const seeded = () => ({ generator: new Generator(11) });
const near = (a: Tensor, b: Tensor, relative = 1e-6): string | null => {
  const host = (x: Tensor) => ({ shape: x.shape, dtype: x.dtype, values: x.dataSync() });
  return difference(host(a), host(b), { relative });
};
const gpt2 = (options: GPT2ConfigOptions = {}): GPT2Config =>
  new GPT2Config({ vocabSize: 40, nEmbd: 16, nHead: 2, nLayer: 2, nPositions: 12, ...options });
const llama = (options: LlamaConfigOptions = {}): LlamaConfig =>
  new LlamaConfig({
    vocabSize: 40,
    hiddenSize: 16,
    intermediateSize: 24,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    maxPositionEmbeddings: 12,
    ...options,
  });

describe("configurations", () => {
  it.each([
    ["gpt2-causal", (json: object): JsonObject => GPT2Config.fromJSON(json).toJSON()],
    ["llama-causal", (json: object): JsonObject => LlamaConfig.fromJSON(json).toJSON()],
    ["distilbert-classification", (json: object): JsonObject => DistilBertConfig.fromJSON(json).toJSON()],
    ["vit-image-classification", (json: object): JsonObject => ViTConfig.fromJSON(json).toJSON()],
  ] as const)("%s: write back what they read from Hugging Face", async (folder, readAndWrite) => {
    const json = await ourGoldens.folder(folder).json<{ architectures: unknown }>("config.json");
    expect(readAndWrite(json)).toEqual(json);
  });
  it("refuse what is not here", () => {
    expect(() => gpt2({ nHead: 3 })).toThrow(/GPT2Config: expected nEmbd to be a multiple of nHead \(3\), got 16/);
    expect(() => llama({ numKeyValueHeads: 3 })).toThrow(
      /LlamaConfig: expected numKeyValueHeads to be a divisor of numAttentionHeads \(4\), got 3/,
    );
    expect(() => llama({ headDim: 3 })).toThrow(/LlamaConfig: expected headDim to be even, got 3/);
    expect(() => LlamaConfig.fromJSON({ rope_scaling: { rope_type: "yarn", factor: 2 } })).toThrow(
      /LlamaConfig: expected ropeScaling to be of rope_type default, linear, llama3, got \{"rope_type":"yarn","factor":2\}/,
    );
    expect(() => llama({ ropeParameters: { rope_type: "linear" } })).toThrow(
      /expected ropeParameters to be of rope_type linear with a number > 0 for factor, got/,
    );
    expect(() => GPT2Config.fromJSON({ eos_token_id: [] })).toThrow(
      /GPT2Config: expected eosTokenId to be a whole number ≥ 0, a list of them, or null, got \[\]/,
    );
    expect(() => DistilBertConfig.fromJSON({ sinusoidal_pos_embds: true })).toThrow(
      /sinusoidal_pos_embds true is not supported; learned positions are/,
    );
    expect(() => new ViTConfig({ imageSize: 30, patchSize: 16 })).toThrow(
      /ViTConfig: expected imageSize to be a multiple of patchSize \(16\), got 30/,
    );
  });
  it("know where transformers 4 put rotary positions", () => {
    using old = new LlamaForCausalLM(
      LlamaConfig.fromJSON({ ...llama().toJSON(), rope_theta: 500, rope_scaling: { type: "linear", factor: 2 } }),
    );
    using now = new LlamaForCausalLM(llama({ ropeParameters: { rope_theta: 500, rope_type: "linear", factor: 2 } }));
    const { theta, scaling } = old.model.rotary_emb;
    expect({ theta, scaling }).toEqual({ theta: 500, scaling: { type: "linear", factor: 2 } });
    expect(old.model.rotary_emb.cos.dataSync()).toEqual(now.model.rotary_emb.cos.dataSync());
    using plain = new LlamaForCausalLM(llama());
    expect(plain.model.rotary_emb.theta).toBe(10000);
  });
});

it("have as many parameters as their papers' models", () => {
  /** Of a model of many layers, from one without and one with one. */
  const count = (layers: number, make: (layers: number) => { numParameters(): number; dispose(): void }): number => {
    const [none, one] = [0, 1].map((n) => {
      const model = make(n);
      const parameters = model.numParameters();
      model.dispose();
      return parameters;
    }) as [number, number];
    return none + layers * (one - none);
  };
  expect(count(12, (nLayer) => new GPT2LMHeadModel(new GPT2Config({ nLayer })))).toBe(124_439_808);
  expect(count(6, (nLayers) => new DistilBertModel(new DistilBertConfig({ nLayers })))).toBe(66_362_880);
  expect(
    count(12, (numHiddenLayers) => new ViTModel(new ViTConfig({ numHiddenLayers }), { addPoolingLayer: false })),
  ).toBe(85_798_656);
});

describe("GPT-2's files", () => {
  it("hold the weights of its layers as [in, out], and come back as they were", () =>
    withoutLeaks(async () => {
      using model = new GPT2LMHeadModel(gpt2(), seeded());
      const folder = new MemoryFolder();
      await model.savePretrained(folder);
      const { tensors } = readSafetensors(await folder.read("model.safetensors"));
      const shapeOf = (name: string) => tensors.get(`transformer.h.1.${name}.weight`)!.shape;
      expect(["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"].map(shapeOf)).toEqual([
        [16, 48],
        [16, 16],
        [16, 64],
        [64, 16],
      ]);
      const square = model.transformer.h.at(1).attn.c_proj as unknown as { weight: Tensor };
      const stored = tensors.get("transformer.h.1.attn.c_proj.weight")!.data;
      expect(stored[1]).toBe(square.weight.dataSync()[16]);
      expect(tensors.has("lm_head.weight")).toBe(false);
      const { model: again } = await AutoModelForCausalLM.fromPretrained(folder);
      for (const [name, parameter] of model.namedParameters())
        expect(again.namedParameters().get(name)!.dataSync(), name).toEqual(parameter.dataSync());
      again.dispose();
    }));
  it("of a patched model come back sparse, or dense for transformers", () =>
    withoutLeaks(async () => {
      using model = new GPT2LMHeadModel(gpt2(), seeded()).eval();
      new BlockSparseModelPatcher()
        .addPattern(/transformer\.h\.[0-9]+\.(mlp\.c_(fc|proj)|attn\.c_attn)/, { density: 0.5, blockSize: 8 })
        .patchModel(model);
      const inputs = { inputIds: ids([3, 7, 9]) };
      const { logits } = scope(() => model.forward(inputs));
      for (const format of ["sparse", "dense"] as const) {
        const folder = new MemoryFolder();
        await model.savePretrained(folder, { format });
        const { model: again, missingKeys, unexpectedKeys } = await GPT2LMHeadModel.fromPretrained(folder);
        expect([missingKeys, unexpectedKeys]).toEqual([[], []]);
        expect(again.transformer.h.at(0).mlp.c_fc instanceof BlockSparseLinear).toBe(format === "sparse");
        const other = scope(() => again.forward(inputs));
        expect(near(other.logits, logits, 1e-5)).toBeNull();
        dispose(other);
        again.dispose();
      }
      dispose([inputs, logits]);
    }));
  it("of the hub, without a prefix and with a causal mask in them, load", () =>
    withoutLeaks(async () => {
      using model = new GPT2Model(gpt2(), seeded());
      const folder = new MemoryFolder();
      await model.savePretrained(folder);
      const { tensors, metadata } = readSafetensors(await folder.read("model.safetensors"));
      const mask = { shape: [1, 1, 12, 12], dtype: "float32", data: new Float32Array(144) } as const;
      const old = new Map([...tensors, ["h.0.attn.bias", mask], ["h.1.attn.bias", mask]] as [string, typeof mask][]);
      await folder.write(new Map([["model.safetensors", writeSafetensors(old, metadata)]]));
      const { model: again, missingKeys, unexpectedKeys } = await GPT2LMHeadModel.fromPretrained(folder);
      expect([missingKeys, unexpectedKeys]).toEqual([[], []]);
      const [got, want] = [again.transformer.h.at(0), model.h.at(0)].map(({ mlp }) =>
        (mlp.c_fc as unknown as { weight: Tensor }).weight.dataSync(),
      );
      expect(got).toEqual(want);
      again.dispose();
    }));
});

describe("causal language models", () => {
  const models = [
    ["GPT-2", () => new GPT2LMHeadModel(gpt2(), seeded()).eval(), "GPT2Model", "nPositions"],
    ["Llama", () => new LlamaForCausalLM(llama(), seeded()).eval(), "LlamaModel", "maxPositionEmbeddings"],
  ] as const;
  it.each(models)("%s: no logits depend on later tokens, nor on padding", (_, make) =>
    withoutLeaks(() => {
      using model = make();
      scope((): void => {
        const whole = model.forward({ inputIds: ids([3, 7, 9, 4, 5]) }).logits;
        const start = model.forward({ inputIds: ids([3, 7, 9]) }).logits;
        expect(near(start, whole.narrow(1, 0, 3), 1e-5)).toBeNull();
        const padded = model.forward({
          inputIds: ids([0, 0, 3, 7, 9, 4, 5]),
          attentionMask: ids([0, 0, 1, 1, 1, 1, 1]),
          positionIds: ids([0, 0, 0, 1, 2, 3, 4]),
        }).logits;
        expect(near(padded.narrow(1, 2, 5), whole, 1e-5)).toBeNull();
        const last = model.forward({ inputIds: ids([3, 7, 9, 4, 5]), logitsToKeep: 2 }).logits;
        expect(near(last, whole.narrow(1, 3, 2), 1e-5)).toBeNull();
      });
    }),
  );
  it.each(models)("%s: shift the labels, and leave out −100", (_, make) =>
    withoutLeaks(() => {
      using model = make();
      scope((): void => {
        const inputIds = ids([3, 7, 9, 4]);
        const { loss, logits } = model.forward({ inputIds, labels: ids([3, 7, -100, 4]) });
        const p = logits.logSoftmax(-1).dataSync();
        const nats = (position: number, token: number): number => -p[position * 40 + token]!;
        expect(loss!.itemSync()).toBeCloseTo((nats(0, 7) + nats(2, 4)) / 2, 5);
        expect(near(nextTokenLoss(logits, ids([3, 7, -100, 4])), loss!)).toBeNull();
      });
    }),
  );
  it.each(models)("%s: say what does not fit", (_, make, architecture, limit) =>
    withoutLeaks(() => {
      using model = make();
      scope((): void => {
        const inputIds = ids([3, 7]);
        expect(() => model.forward({ inputIds: tensor(new Int32Array([1])) })).toThrow(
          new RegExp(`${architecture}: expected inputIds \\[batch, tokens\\], got \\[1\\]`),
        );
        expect(() => model.forward({ inputIds: ids(Array.from({ length: 13 }, () => 1)) })).toThrow(
          new RegExp(`${architecture}: expected at most 12 tokens \\(${limit}\\), got 13; shorten the text`),
        );
        expect(() => model.forward({ inputIds, attentionMask: ids([1, 1, 1]) })).toThrow(
          new RegExp(
            `${architecture}: expected an attentionMask \\[1, 2\\] for all tokens, cached ones too, got \\[1, 3\\]`,
          ),
        );
        expect(() => model.forward({ inputIds, cache: [] })).toThrow(
          new RegExp(`${architecture}: expected a cache for each of 2 layers, got 0; newCache\\(\\) makes them`),
        );
        expect(() => model.forward({ inputIds, labels: ids([1, 2, 3]) })).toThrow(
          /expected labels \[1, 2\] as inputIds, got \[1, 3\]; the model shifts them itself/,
        );
        expect(() => model.forward({ inputIds, labels: inputIds, logitsToKeep: 1 })).toThrow(
          /expected labels or logitsToKeep, got both; the loss reads all logits/,
        );
      });
    }),
  );
  it("GPT-2 scales its scores by the layer when it is told so", () => {
    scope((): void => {
      using plain = new GPT2LMHeadModel(gpt2(), seeded()).eval();
      using scaled = new GPT2LMHeadModel(gpt2({ scaleAttnByInverseLayerIdx: true }), seeded()).eval();
      const inputs = { inputIds: ids([3, 7, 9]), outputHiddenStates: true };
      const [a, b] = [plain, scaled].map((model) => model.forward(inputs).hiddenStates!) as [Tensor[], Tensor[]];
      expect(near(a[1]!, b[1]!)).toBeNull();
      expect(near(a[2]!, b[2]!)).not.toBeNull();
    });
  });
});

describe("heads", () => {
  const sizes = {
    vocabSize: 40,
    hiddenSize: 16,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 32,
    maxPositionEmbeddings: 14,
  };
  it("for tokens leave out labels of −100, and say when one is missing", () =>
    withoutLeaks(() => {
      using model = new BertForTokenClassification(new BertConfig({ ...sizes, numLabels: 3 }), seeded()).eval();
      scope((): void => {
        const inputIds = ids([2, 7, 4], [2, 9, 0]);
        const { loss, logits } = model.forward({ inputIds, labels: ids([-100, 1, -100], [2, -100, -100]) });
        expect(logits.shape).toEqual([2, 3, 3]);
        const p = logits.logSoftmax(-1).dataSync();
        expect(loss!.itemSync()).toBeCloseTo(-(p[3 + 1]! + p[9 + 2]!) / 2, 5);
        expect(() => model.forward({ inputIds, labels: ids([1, 2]) })).toThrow(
          /BertForTokenClassification: expected labels \[2, 3\], one a token, got \[1, 2\]; pad them with -100/,
        );
      });
    }));
  it("for answers leave out those beyond the text", () =>
    withoutLeaks(() => {
      using model = new BertForQuestionAnswering(new BertConfig(sizes), seeded()).eval();
      scope((): void => {
        const inputIds = ids([2, 7, 4], [2, 9, 5]);
        const at = (...positions: number[]): Tensor => tensor(Int32Array.from(positions));
        const { loss, startLogits, endLogits } = model.forward({
          inputIds,
          startPositions: at(1, 70),
          endPositions: at(2, 3),
        });
        const [s, e] = [startLogits, endLogits].map((logits) => logits.logSoftmax(-1).dataSync());
        expect(loss!.itemSync()).toBeCloseTo(-(s![1]! + e![2]!) / 2, 5);
        expect(model.forward({ inputIds, startPositions: at(1, 1) }).loss).toBeUndefined();
        expect(() => model.forward({ inputIds, startPositions: at(1), endPositions: at(2, 1) })).toThrow(
          /BertForQuestionAnswering: expected startPositions \[2\], one a text, got \[1\]/,
        );
      });
    }));
  it("of DistilBERT start afresh where a checkpoint has another, and its body comes out alone", () =>
    withoutLeaks(async () => {
      const config = new DistilBertConfig({
        vocabSize: 40,
        dim: 16,
        nLayers: 1,
        nHeads: 2,
        hiddenDim: 32,
        maxPositionEmbeddings: 14,
      });
      using model = new DistilBertForMaskedLM(config, seeded());
      const folder = new MemoryFolder();
      await model.savePretrained(folder);
      const found = await DistilBertForQuestionAnswering.fromPretrained(folder);
      expect(found.missingKeys).toEqual(["qa_outputs.weight", "qa_outputs.bias"]);
      expect(found.unexpectedKeys).toHaveLength(5);
      const body = await AutoModel.fromPretrained(folder);
      expect(body.model).toBeInstanceOf(DistilBertModel);
      expect(() => scope(() => found.model.forward({ inputIds: ids([1]), tokenTypeIds: ids([0]) }))).toThrow(
        /DistilBertModel: expected no tokenTypeIds, as it has no types of tokens; leave them out/,
      );
      expect(() => scope(() => found.model.forward({ inputIds: ids(Array.from({ length: 15 }, () => 1)) }))).toThrow(
        /DistilBertModel: expected at most 14 tokens \(maxPositionEmbeddings\), got 15; truncate the text/,
      );
      found.model.dispose();
      body.model.dispose();
    }));
});

it("ViT refuses images of another size, and its patches are those of a convolution", () =>
  withoutLeaks(() => {
    const config = new ViTConfig({
      imageSize: 4,
      patchSize: 2,
      hiddenSize: 8,
      numHiddenLayers: 0,
      numAttentionHeads: 2,
      numChannels: 2,
    });
    using model = new ViTForImageClassification(config, seeded());
    scope((): void => {
      expect(() => model.forward({ pixelValues: tensor(new Float32Array(32), [1, 4, 4, 2]) })).toThrow(
        /ViTModel: expected pixelValues \[batch, 2, 4, 4\], got \[1, 4, 4, 2\]; resize the images, channels come first/,
      );
      const pixels = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i));
      const { patch_embeddings: patches } = model.vit.embeddings;
      const got = patches.forward(tensor(pixels, [1, 2, 4, 4])).dataSync();
      const [w, b] = [patches.projection.weight.dataSync(), patches.projection.bias.dataSync()];
      for (let patch = 0; patch < 4; patch++)
        for (let out = 0; out < 8; out++) {
          let sum = b[out]!;
          for (let c = 0; c < 2; c++)
            for (let y = 0; y < 2; y++)
              for (let x = 0; x < 2; x++)
                sum +=
                  w[((out * 2 + c) * 2 + y) * 2 + x]! *
                  pixels[c * 16 + (2 * Math.floor(patch / 2) + y) * 4 + 2 * (patch % 2) + x]!;
          expect(got[patch * 8 + out]).toBeCloseTo(sum, 5);
        }
    });
  }));
