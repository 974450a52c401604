import {
  architectures,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForImageClassification,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertModel,
  ByteLevelBpeTokenizer,
  DistilBertForTokenClassification,
  FileStoreError,
  findModelClass,
  GPT2LMHeadModel,
  LlamaForCausalLM,
  MemoryFolder,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  RobertaModel,
  TokenizerError,
  trainBpe,
  ViTForImageClassification,
  type LoadableClass,
} from "@tessera/models";
import { FormatError } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { ourGoldens } from "../goldens/folder.ts";
import { withoutLeaks } from "../support/leaks.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A golden's folder, its config.json changed. */
const folderOf = async (name: string, changes: { readonly [key: string]: unknown } = {}): Promise<MemoryFolder> => {
  const golden = ourGoldens.folder(name);
  const config = { ...(await golden.json<object>("config.json")), ...changes };
  return new MemoryFolder(name, {
    "config.json": encode(JSON.stringify(config)),
    "model.safetensors": await golden.bytes("model.safetensors"),
  });
};

describe("AutoModel", () => {
  it("takes the class of the folder's architecture for the head that was asked for", () =>
    withoutLeaks(async () => {
      const found = [
        await AutoModelForMaskedLM.fromPretrained(await folderOf("bert-mlm")),
        await AutoModelForMaskedLM.fromPretrained(await folderOf("roberta-mlm")),
        await AutoModelForSequenceClassification.fromPretrained(await folderOf("bert-mlm"), { numLabels: 5 }),
        await AutoModelForSequenceClassification.fromPretrained(await folderOf("roberta-classification")),
        await AutoModel.fromPretrained(await folderOf("bert-classification")),
        await AutoModel.fromPretrained(await folderOf("roberta-mlm", { model_type: "camembert" })),
        await AutoModelForTokenClassification.fromPretrained(await folderOf("distilbert-mlm"), { numLabels: 4 }),
        await AutoModelForQuestionAnswering.fromPretrained(await folderOf("bert-mlm")),
        await AutoModelForCausalLM.fromPretrained(await folderOf("gpt2-causal")),
        await AutoModelForCausalLM.fromPretrained(await folderOf("llama-causal")),
        await AutoModelForImageClassification.fromPretrained(await folderOf("vit-image-classification")),
      ];
      const classes = [
        BertForMaskedLM,
        RobertaForMaskedLM,
        BertForSequenceClassification,
        RobertaForSequenceClassification,
        BertModel,
        RobertaModel,
        DistilBertForTokenClassification,
        BertForQuestionAnswering,
        GPT2LMHeadModel,
        LlamaForCausalLM,
        ViTForImageClassification,
      ];
      expect(found.map(({ model }) => model.constructor)).toEqual(classes);
      expect(found[2]!.model.config.numLabels).toBe(5);
      expect(found[2]!.missingKeys).toContain("classifier.weight");
      for (const { model } of found) model.dispose();
    }));

  it("goes by the class that is named where there is no model_type", () =>
    withoutLeaks(async () => {
      const { model } = await AutoModelForMaskedLM.fromPretrained(
        await folderOf("bert-mlm", { model_type: undefined }),
      );
      expect(model).toBeInstanceOf(BertForMaskedLM);
      model.dispose();
    }));

  it("names the types that exist when the folder's is none of them", async () => {
    const load = async (changes: { readonly [key: string]: unknown }): Promise<unknown> =>
      AutoModelForMaskedLM.fromPretrained(await folderOf("bert-mlm", changes)).catch((error: unknown) => error);
    const error = await load({ model_type: "t5" });
    expect(error).toBeInstanceOf(FormatError);
    expect(String(error)).toMatch(
      /AutoModelForMaskedLM: expected model_type bert, distilbert, roberta, xlm-roberta or camembert, got "t5" in bert-mlm\/config.json; an architecture of your own loads with its own class/,
    );
    expect(String(await load({ model_type: null, architectures: ["T5ForConditionalGeneration"] }))).toMatch(
      /got architectures \["T5ForConditionalGeneration"\] in/,
    );
    expect(String(await load({ model_type: undefined, architectures: undefined }))).toMatch(
      /got architectures none in/,
    );
  });

  it("finds the class that a configuration names, or says which there are", () => {
    expect(findModelClass({ architectures: ["BertForMaskedLM"] })).toBe(BertForMaskedLM);
    expect(findModelClass({ model_type: "bert" }, "sequenceClassification")).toBe(BertForSequenceClassification);
    expect(() => findModelClass({ model_type: "t5" }, "maskedLM")).toThrow(
      /findModelClass: expected model_type bert, .*, got "t5" in config.json/,
    );
    expect(() => findModelClass({ model_type: "bert", architectures: ["BertForMultipleChoice"] })).toThrow(
      /expected architectures to name BertModel, BertForMaskedLM, BertForSequenceClassification, .*, ViTModel or ViTForImageClassification, got "BertForMultipleChoice"/,
    );
    expect(() => findModelClass({})).toThrow(FormatError);
  });
});

it("every architecture has one row, whose classes say the same as its configuration", () => {
  const types = Object.values(architectures).flatMap(({ config }) => config.modelTypes);
  expect(new Set(types).size).toBe(types.length);
  for (const [name, { config, classes }] of Object.entries(architectures)) {
    expect(config.modelTypes[0]).toBe(name);
    for (const Class of Object.values(classes) as unknown as readonly LoadableClass[]) {
      expect(Class.configClass).toBe(config);
      expect(findModelClass({ architectures: [Class.architecture] })).toBe(Class);
    }
  }
});

describe("AutoTokenizer", () => {
  const tokenizer = ByteLevelBpeTokenizer.fromModel(trainBpe(["low lower"], { vocabSize: 268, minFrequency: 1 }));
  const files = Object.fromEntries(Object.entries(tokenizer.toFiles()).map(([name, text]) => [name, encode(text)]));

  it("reads tokenizer.json, or the files of its kind", async () => {
    const { "tokenizer.json": json, ...others } = files;
    for (const folder of [{ "tokenizer.json": json! }, others]) {
      const found = await AutoTokenizer.fromPretrained(new MemoryFolder("f", folder));
      expect(found.encodeToIds("lower")).toEqual(tokenizer.encodeToIds("lower"));
    }
  });

  it("names the kinds that exist when the folder's is none of them", async () => {
    const load = (folder: { readonly [name: string]: string }): Promise<unknown> =>
      AutoTokenizer.fromPretrained(
        new MemoryFolder("f", Object.fromEntries(Object.entries(folder).map(([name, text]) => [name, encode(text)]))),
      ).catch((error: unknown) => error);
    const other = await load({ "tokenizer.json": '{"model":{"type":"Unigram"}}' });
    expect(other).toBeInstanceOf(TokenizerError);
    expect(String(other)).toMatch(
      /AutoTokenizer: expected a tokenizer of type BPE, WordPiece, WordLevel, got "Unigram" in f\/tokenizer.json; give the model ids that another tokenizer made/,
    );
    expect(String(await load({ "tokenizer.json": "{" }))).toMatch(/tokenizer.json: expected JSON, got/);
    const none = await load({ "spiece.model": "" });
    expect(none).toBeInstanceOf(FileStoreError);
    expect(String(none)).toMatch(
      /f: expected tokenizer.json, or vocab.json and merges.txt, or vocab.txt, got spiece.model; save them beside the model/,
    );
  });
});
