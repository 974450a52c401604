import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ByteLevelBpeTokenizer,
  FileStoreError,
  loadTokenizer,
  MemoryFolder,
  openFolder,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  RobertaModel,
  trainBpe,
  type RobertaPreTrained,
} from "@tessera/models";
import { StateDictError, type Module } from "@tessera/nn";
import { BlockSparseLinear, BlockSparseModelPatcher, sparseLayoutsOf } from "@tessera/sparse";
import {
  FormatError,
  Generator,
  readSafetensors,
  scope,
  tensor,
  writeSafetensors,
  type HostTensor,
  type TypedArray,
} from "@tessera/tensor";
import { afterEach, describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyConfig } from "./tiny-model.ts";

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const seeded = (seed = 3) => ({ generator: new Generator(seed) });
const sizes = { hiddenSize: 32, intermediateSize: 64, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
const maskedLM = (): RobertaForMaskedLM => new RobertaForMaskedLM(tinyConfig(sizes), seeded());

const valuesOf = async (model: Module): Promise<Map<string, TypedArray>> =>
  new Map(await Promise.all([...model.stateDict()].map(async ([name, x]) => [name, await x.data()] as const)));

const logitsOf = (model: RobertaForMaskedLM | RobertaForSequenceClassification): Promise<TypedArray> =>
  scope(() => ({
    logits: model
      .eval()
      .forward({ inputIds: tensor(new Int32Array([0, 9, 11, 2]), [1, 4]) })
      .logits!.data(),
  })).logits;

const patch = (model: RobertaPreTrained): void => {
  new BlockSparseModelPatcher()
    .addPattern(/roberta\.encoder\.layer\.[0-9]+\.intermediate\.dense/, { density: 0.5, blockSize: 8 })
    .addPattern("roberta.encoder.layer.1.attention.output.dense", {
      density: 0.25,
      blockSize: 4,
      criterion: "random",
      seed: 9,
    })
    .patchModel(model);
};

/** A saved folder whose weights file has been rewritten. */
const rewritten = async (
  model: RobertaPreTrained,
  change: (tensors: Map<string, HostTensor>) => Iterable<readonly [string, HostTensor]> | void,
  changeConfig: (config: Record<string, unknown>) => void = () => undefined,
): Promise<MemoryFolder> => {
  const folder = new MemoryFolder("saved");
  await model.savePretrained(folder);
  const { tensors, metadata } = readSafetensors(await folder.read("model.safetensors"));
  const changed = change(tensors) ?? tensors;
  const config = JSON.parse(decode(await folder.read("config.json"))) as Record<string, unknown>;
  changeConfig(config);
  await folder.write(
    new Map([
      ["model.safetensors", writeSafetensors(new Map(changed), metadata)],
      ["config.json", encode(JSON.stringify(config))],
    ]),
  );
  return folder;
};

let made: string[] = [];
const temporary = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), "tessera-hub-"));
  made.push(path);
  return path;
};
afterEach(async () => {
  await Promise.all(made.map((path) => rm(path, { recursive: true, force: true })));
  made = [];
});

describe("a round trip", () => {
  it("through a folder gives the same model, to the bit", () =>
    withoutLeaks(async () => {
      const path = join(await temporary(), "model");
      using model = maskedLM();
      await model.savePretrained(path);
      expect(await readdir(path)).toEqual(["config.json", "model.safetensors"]);
      const { model: again, missingKeys, unexpectedKeys } = await RobertaForMaskedLM.fromPretrained(path);
      expect([missingKeys, unexpectedKeys]).toEqual([[], []]);
      expect(await valuesOf(again)).toEqual(await valuesOf(model));
      expect(again.config.toJSON()).toEqual({ ...model.config.toJSON(), architectures: ["RobertaForMaskedLM"] });
      expect(again.training).toBe(false);
      again.dispose();
    }));

  it("keeps block-sparse layers, their layout and their values, without patching again", () =>
    withoutLeaks(async () => {
      const folder = new MemoryFolder();
      using model = maskedLM();
      patch(model);
      await model.savePretrained(folder);
      const { model: again } = await RobertaForMaskedLM.fromPretrained(folder);
      const [before, after] = [model, again].map(
        (one) => one.getSubmodule("roberta.encoder.layer.0.intermediate.dense") as BlockSparseLinear,
      );
      expect(after).toBeInstanceOf(BlockSparseLinear);
      expect(after!.layout.equals(before!.layout)).toBe(true);
      expect(after!.activation).toBe("gelu");
      expect(await valuesOf(again)).toEqual(await valuesOf(model));
      expect(again.numParameters()).toBe(model.numParameters());
      expect(await logitsOf(again)).toEqual(await logitsOf(model));
      again.dispose();
    }));

  it("in the dense format gives a model without block-sparse layers that computes the same", async () => {
    const folder = new MemoryFolder();
    using model = maskedLM();
    patch(model);
    await model.savePretrained(folder, { format: "dense" });
    using dense = maskedLM();
    const { tensors, metadata } = readSafetensors(await folder.read("model.safetensors"));
    expect([...tensors.keys()].sort()).toEqual([...dense.stateDict().keys()].sort());
    expect(metadata).toEqual({ format: "pt" });
    expect(JSON.parse(decode(await folder.read("config.json")))).not.toHaveProperty("tessera");
    const { model: again } = await RobertaForMaskedLM.fromPretrained(folder);
    const [got, want] = [await logitsOf(again), await logitsOf(model)];
    for (let i = 0; i < want.length; i++) expect(got[i]).toBeCloseTo(want[i]!, 5);
    again.dispose();
  });

  it("keeps what Hugging Face wrote into config.json, and names the class", async () => {
    const { model } = await RobertaForMaskedLM.fromPretrained(
      fileURLToPath(new URL("../../goldens/roberta-mlm", import.meta.url)),
    );
    const folder = new MemoryFolder();
    await model.savePretrained(folder);
    model.dispose();
    const config = JSON.parse(decode(await folder.read("config.json"))) as Record<string, unknown>;
    expect(config).toMatchObject({
      architectures: ["RobertaForMaskedLM"],
      transformers_version: "5.17.0",
      use_cache: true,
      hidden_size: 64,
    });
  });

  it("says float32 of its weights, whatever type those were read from", async () => {
    using model = maskedLM();
    const folder = await rewritten(
      model,
      () => undefined,
      (config) => Object.assign(config, { dtype: "bfloat16", torch_dtype: "float16" }),
    );
    const { model: again } = await RobertaForMaskedLM.fromPretrained(folder);
    await again.savePretrained(folder);
    again.dispose();
    const config = JSON.parse(decode(await folder.read("config.json"))) as Record<string, unknown>;
    expect(config).toMatchObject({ dtype: "float32", torch_dtype: "float32" });
  });

  it("carries the tokenizer's files, and gives the tokenizer back", async () => {
    const folder = new MemoryFolder();
    const tokenizer = ByteLevelBpeTokenizer.fromModel(
      trainBpe(["low lower lowest lowly"], { vocabSize: 270, minFrequency: 1 }),
    );
    using model = maskedLM();
    await model.savePretrained(folder, { files: tokenizer.toFiles() });
    const { model: again, files } = await RobertaForMaskedLM.fromPretrained(folder);
    expect([...files.keys()]).toEqual(["merges.txt", "tokenizer.json", "vocab.json"]);
    const copy = new MemoryFolder("copy");
    await again.savePretrained(copy, { files });
    again.dispose();
    expect(decode(await copy.read("tokenizer.json"))).toBe(tokenizer.toFiles()["tokenizer.json"]);
    expect((await loadTokenizer(copy)).encodeToIds("lower")).toEqual(tokenizer.encodeToIds("lower"));
    const halves = new MemoryFolder("halves", {
      "vocab.json": await copy.read("vocab.json"),
      "merges.txt": await copy.read("merges.txt"),
    });
    expect((await loadTokenizer(halves)).encodeToIds("lower")).toEqual(tokenizer.encodeToIds("lower"));
    await expect(loadTokenizer(new MemoryFolder("bare"))).rejects.toThrow(
      /bare: expected tokenizer.json, or vocab.json and merges.txt, got no files/,
    );
  });
});

describe("another head", () => {
  it("starts afresh and is reported; the body is shared", () =>
    withoutLeaks(async () => {
      const folder = new MemoryFolder();
      using model = maskedLM();
      patch(model);
      await model.savePretrained(folder);
      const options = { id2label: { 0: "animal", 1: "plant", 2: "food" }, ...seeded(4) };
      const found = await RobertaForSequenceClassification.fromPretrained(folder, options);
      expect(found.missingKeys).toEqual([
        "classifier.dense.weight",
        "classifier.dense.bias",
        "classifier.out_proj.weight",
        "classifier.out_proj.bias",
      ]);
      expect([...found.unexpectedKeys].sort()).toEqual([
        "lm_head.bias",
        "lm_head.dense.bias",
        "lm_head.dense.weight",
        "lm_head.layer_norm.bias",
        "lm_head.layer_norm.weight",
      ]);
      expect(found.model.config.label2id).toEqual({ animal: 0, plant: 1, food: 2 });
      const [was, is] = [await valuesOf(model), await valuesOf(found.model)];
      for (const [name, values] of is) if (name.startsWith("roberta.")) expect(values, name).toEqual(was.get(name));
      expect(is.get("classifier.out_proj.weight")!.some((x) => x !== 0)).toBe(true);
      found.model.dispose();
    }));

  it("that was block-sparse is left out", async () => {
    const folder = new MemoryFolder();
    using model = maskedLM();
    new BlockSparseModelPatcher().addPattern("lm_head.dense", { density: 0.5, blockSize: 8 }).patchModel(model);
    await model.savePretrained(folder);
    const { model: classifier } = await RobertaForSequenceClassification.fromPretrained(folder);
    expect([...classifier.namedModules().values()].some((module) => module instanceof BlockSparseLinear)).toBe(false);
    classifier.dispose();
  });

  it("of which a part is missing is an error", async () => {
    using model = maskedLM();
    const folder = await rewritten(model, (tensors) => void tensors.delete("lm_head.dense.bias"));
    await expect(RobertaForMaskedLM.fromPretrained(folder)).rejects.toThrow(/1 missing: lm_head.dense.bias/);
  });
});

describe("checkpoints as Hugging Face has them", () => {
  it("without the roberta. prefix load into models with a head", async () => {
    using body = new RobertaModel(tinyConfig(sizes), seeded());
    const folder = new MemoryFolder();
    await body.savePretrained(folder);
    const { model, missingKeys, unexpectedKeys } = await RobertaForMaskedLM.fromPretrained(folder);
    expect(missingKeys.every((key) => key.startsWith("lm_head."))).toBe(true);
    expect(unexpectedKeys).toEqual(["pooler.dense.bias", "pooler.dense.weight"]);
    const [was, is] = [await valuesOf(body), await valuesOf(model)];
    expect(is.get("roberta.encoder.layer.1.output.dense.weight")).toEqual(
      was.get("encoder.layer.1.output.dense.weight"),
    );
    model.dispose();
  });

  it("with the roberta. prefix load into the bare model, block-sparse layers too", async () => {
    using model = maskedLM();
    patch(model);
    const folder = new MemoryFolder();
    await model.savePretrained(folder);
    const { model: body, missingKeys } = await RobertaModel.fromPretrained(folder);
    expect(missingKeys).toEqual(["pooler.dense.weight", "pooler.dense.bias"]);
    expect(body.getSubmodule("encoder.layer.0.intermediate.dense")).toBeInstanceOf(BlockSparseLinear);
    body.dispose();
  });

  it("may have stale buffers, TensorFlow's names, second names of tied weights, and a pooler", async () => {
    using model = maskedLM();
    const folder = await rewritten(model, (tensors) => {
      const renamed = [...tensors].map(
        ([name, value]) =>
          [
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
            value,
          ] as const,
      );
      const ids = { shape: [1, 24], dtype: "int32", data: new Int32Array(24) } as const;
      const square = { shape: [32, 32], dtype: "float32", data: new Float32Array(1024) } as const;
      return [
        ...renamed,
        ["roberta.embeddings.position_ids", ids],
        ["roberta.embeddings.token_type_ids", ids],
        ["roberta.pooler.dense.weight", square],
        ["lm_head.decoder.weight", tensors.get("roberta.embeddings.word_embeddings.weight")!],
        ["lm_head.decoder.bias", tensors.get("lm_head.bias")!],
      ];
    });
    const { model: again, unexpectedKeys } = await RobertaForMaskedLM.fromPretrained(folder);
    expect(unexpectedKeys).toEqual(["roberta.pooler.dense.weight"]);
    expect(await valuesOf(again)).toEqual(await valuesOf(model));
    again.dispose();
  });

  it("may have the decoder's bias under its second name alone", async () => {
    using model = maskedLM();
    const folder = await rewritten(model, (tensors) => {
      tensors.set("lm_head.decoder.bias", { shape: [64], dtype: "float32", data: new Float32Array(64).fill(2) });
      tensors.delete("lm_head.bias");
    });
    const { model: again } = await RobertaForMaskedLM.fromPretrained(folder);
    expect((await again.lm_head.bias.data())[5]).toBe(2);
    again.dispose();
  });
});

describe("what does not fit", () => {
  it("is one error that lists every key", () =>
    withoutLeaks(async () => {
      using model = maskedLM();
      const folder = await rewritten(model, (tensors) => {
        tensors.delete("roberta.encoder.layer.0.output.dense.bias");
        tensors.delete("roberta.embeddings.LayerNorm.weight");
        tensors.set("roberta.surprise", { shape: [1], dtype: "float32", data: new Float32Array(1) });
        tensors.set("lm_head.bias", { shape: [3], dtype: "float32", data: new Float32Array(3) });
      });
      const failed = RobertaForMaskedLM.fromPretrained(folder);
      await expect(failed).rejects.toThrow(StateDictError);
      await expect(failed).rejects.toThrow(
        /2 missing: roberta.embeddings.LayerNorm.weight, roberta.encoder.layer.0.output.dense.bias; 1 unexpected: roberta.surprise; 1 mismatched: lm_head.bias \(expected float32 \[64\], got float32 \[3\]\)/,
      );
    }));

  it("in the configuration shows in the shapes", async () => {
    using model = maskedLM();
    const folder = new MemoryFolder();
    await model.savePretrained(folder);
    await expect(RobertaForMaskedLM.fromPretrained(folder, { vocabSize: 65 })).rejects.toThrow(
      /roberta.embeddings.word_embeddings.weight \(expected float32 \[65, 32\], got float32 \[64, 32\]\)/,
    );
  });

  it("in sparse layers is an error, whichever file is wrong", () =>
    withoutLeaks(async () => {
      using sparse = maskedLM();
      patch(sparse);
      const undescribed = await rewritten(
        sparse,
        () => undefined,
        (config) => delete config["tessera"],
      );
      await expect(RobertaForMaskedLM.fromPretrained(undescribed)).rejects.toThrow(
        /roberta.encoder.layer.0.intermediate.dense is block-sparse in the tensors and not in the description/,
      );
      const lost = await rewritten(
        sparse,
        (tensors) => void tensors.delete("roberta.encoder.layer.1.intermediate.dense.colIndices"),
      );
      await expect(RobertaForMaskedLM.fromPretrained(lost)).rejects.toThrow(
        /roberta.encoder.layer.1.intermediate.dense.*colIndices/,
      );
      const hostile = await rewritten(sparse, (tensors) => {
        const { shape } = tensors.get("roberta.encoder.layer.0.intermediate.dense.colIndices")!;
        tensors.set("roberta.encoder.layer.0.intermediate.dense.colIndices", {
          shape,
          dtype: "int32",
          data: new Int32Array(shape[0]!).fill(1e6),
        });
      });
      await expect(RobertaForMaskedLM.fromPretrained(hostile)).rejects.toThrow(
        /block columns lie from 0 to 3, got 1000000/,
      );
    }));

  it("in the files is named with the file", async () => {
    using model = maskedLM();
    const folder = new MemoryFolder("damaged");
    await model.savePretrained(folder);
    const weights = await folder.read("model.safetensors");
    const spoiled = async (files: Record<string, Uint8Array>): Promise<unknown> => {
      const copy = new MemoryFolder("damaged", {
        "config.json": await folder.read("config.json"),
        "model.safetensors": weights,
        ...files,
      });
      return RobertaForMaskedLM.fromPretrained(copy).catch((error: unknown) => error);
    };
    const cut = await spoiled({ "model.safetensors": weights.slice(0, weights.length - 100) });
    expect(cut).toBeInstanceOf(FormatError);
    expect(String(cut)).toMatch(
      /damaged\/model.safetensors: safetensors: .* the file is cut short or not a safetensors file/,
    );
    expect(String(await spoiled({ "config.json": encode('{"hidden') }))).toMatch(
      /damaged\/config.json: expected a JSON object/,
    );
    expect(String(await spoiled({ "config.json": encode('{"model_type":"gpt2"}') }))).toMatch(
      /expected model_type roberta, got "gpt2"/,
    );
    const missing = await RobertaForMaskedLM.fromPretrained(await temporary()).catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(FileStoreError);
    expect(String(missing)).toMatch(/config.json: expected a file that can be read, got ENOENT; check the path/);
    const pickled = new MemoryFolder("pickled", {
      "config.json": await folder.read("config.json"),
      "pytorch_model.bin": weights,
    });
    await expect(RobertaForMaskedLM.fromPretrained(pickled)).rejects.toThrow(
      /pickled: expected model.safetensors, got pytorch_model.bin; save it with/,
    );
  });
});

it("a full disk keeps the model that was there", async () => {
  const path = await temporary();
  using old = maskedLM();
  await old.savePretrained(path);
  using next = new RobertaForMaskedLM(tinyConfig(sizes), seeded(99));
  const folder = await openFolder(path);
  // A name that the disk refuses, as a full one refuses bytes.
  await expect(next.savePretrained(folder, { files: { ["n".repeat(300)]: "x" } })).rejects.toThrow(
    /the files that were there are unchanged/,
  );
  expect(await readdir(path)).toEqual(["config.json", "model.safetensors"]);
  const { model } = await RobertaForMaskedLM.fromPretrained(path);
  expect(await valuesOf(model)).toEqual(await valuesOf(old));
  model.dispose();
});

it("patterns make layers block-sparse as they are loaded, or nothing is loaded", () =>
  withoutLeaks(async () => {
    using saved = new RobertaForMaskedLM(tinyConfig(sizes));
    const folder = new MemoryFolder("memory");
    await saved.savePretrained(folder);
    const layer = "roberta.encoder.layer.0.intermediate.dense";
    const plan = { density: 0.5, blockSize: 4, criterion: "magnitude", layout: "best", seed: 0 } as const;
    const { model } = await RobertaForMaskedLM.fromPretrained(folder, {
      patterns: { patterns: [{ ...plan, layers: [layer] }] },
    });
    expect(Object.keys(sparseLayoutsOf(model))).toEqual([layer]);
    expect(sparseLayoutsOf(model)[layer]!.density).toBe(0.5);
    model.dispose();
    const wrong = RobertaForMaskedLM.fromPretrained(folder, {
      patterns: { patterns: [{ ...plan, layers: ["nowhere"] }] },
    });
    await expect(wrong).rejects.toThrow('"nowhere" matches no layer');
  }));
