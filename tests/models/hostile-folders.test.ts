// Folders whose files are in shards, damaged, of another kind or at odds with one another: the model, or an error that says which file is
// what; and nothing of it stays in memory.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AutoTokenizer,
  BertConfig,
  loadTokenizer,
  MemoryFolder,
  openFolder,
  RobertaConfig,
  RobertaForMaskedLM,
  type LoadOptions,
} from "@tessera/models";
import { StateDictError } from "@tessera/nn";
import { BlockSparseModelPatcher, PatchError } from "@tessera/sparse";
import { Generator, readSafetensors, TesseraError, writeSafetensors, type HostTensor } from "@tessera/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyConfig } from "./tiny-model.ts";

type Files = Record<string, Uint8Array>;

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const parse = (content: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(content)) as Record<string, unknown>;

let saved: { "config.json": Uint8Array; "model.safetensors": Uint8Array };
beforeAll(async () => {
  using model = new RobertaForMaskedLM(tinyConfig(), { generator: new Generator(3) });
  const folder = new MemoryFolder();
  await model.savePretrained(folder);
  saved = {
    "config.json": await folder.read("config.json"),
    "model.safetensors": await folder.read("model.safetensors"),
  };
});

const load = (files: Files, options: LoadOptions<RobertaConfig> = {}) =>
  RobertaForMaskedLM.fromPretrained(new MemoryFolder("folder", files), options);
/** The error of a load that leaves nothing behind. */
const refused = async (files: Files): Promise<TesseraError> => {
  let found: unknown;
  await withoutLeaks(async () => {
    found = await load(files).catch((error: unknown) => error);
  });
  expect(found).toBeInstanceOf(TesseraError);
  return found as TesseraError;
};
const withConfig = (changes: object): Files => ({
  ...saved,
  "config.json": bytes({ ...parse(saved["config.json"]), ...changes }),
});

describe("weights in shards", () => {
  const nameOf = (i: number, count: number): string =>
    `model-${String(i + 1).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.safetensors`;
  const sharded = (count: number): { files: Files; map: Record<string, string> } => {
    const all = [...readSafetensors(saved["model.safetensors"]).tensors];
    const map = Object.fromEntries(all.map(([key], i) => [key, nameOf(i % count, count)]));
    const shards = Array.from({ length: count }, (_, i): [string, Uint8Array] => [
      nameOf(i, count),
      writeSafetensors(new Map(all.filter((_, at) => at % count === i)), { format: "pt" }),
    ]);
    const index = bytes({ metadata: { total_size: 1 }, weight_map: map });
    return {
      map,
      files: {
        "config.json": saved["config.json"],
        ...Object.fromEntries(shards),
        "model.safetensors.index.json": index,
      },
    };
  };

  it.each([1, 2, 5])("%i of them give the model that one file gives", (count) =>
    withoutLeaks(async () => {
      const { model } = await load(sharded(count).files);
      const { tensors } = readSafetensors(saved["model.safetensors"]);
      for (const [key, x] of model.stateDict()) expect(await x.data(), key).toEqual(tensors.get(key)!.data);
      model.dispose();
    }),
  );

  it("a shard that is not there is named", async () => {
    const { files } = sharded(3);
    delete files[nameOf(1, 3)];
    expect((await refused(files)).message).toMatch(
      /folder: expected the 3 shards that model.safetensors.index.json names, got none called model-00002-of-00003.safetensors; download/,
    );
  });

  it("a shard that is a pointer of Git LFS is called one", async () => {
    const { files } = sharded(2);
    files[nameOf(0, 2)] = bytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
    expect((await refused(files)).message).toMatch(/^folder\/model-00001-of-00002.safetensors: .*a pointer of Git LFS/);
  });

  it("shards and an index that do not belong together are refused", async () => {
    const { files, map } = sharded(2);
    const withMap = (weight_map: unknown): Files => ({
      ...files,
      "model.safetensors.index.json": bytes({ weight_map }),
    });
    const [[first]] = Object.entries(map) as [[string, string]];
    expect((await refused(withMap({ ...map, [first]: nameOf(1, 2) }))).message).toMatch(
      /which belongs to model-00002-of-00002/,
    );
    expect((await refused(withMap({ ...map, more: nameOf(1, 2) }))).message).toMatch(/expected the tensor "more"/);
    expect((await refused(withMap({ ...map, [first]: "../secret.safetensors" }))).message).toMatch(
      /expected weight_map to name a shard of this folder .*, got "..\/secret.safetensors"/,
    );
    expect((await refused(withMap([]))).message).toMatch(
      /expected weight_map to be an object from tensors to shards, got \[\]/,
    );
    expect((await refused(withMap({}))).message).toMatch(/expected weight_map to name a tensor, got {}/);
  });

  it("one file beside an index is read, and no shard", async () => {
    const { files } = sharded(2);
    delete files[nameOf(1, 2)];
    const { model } = await load({ ...files, "model.safetensors": saved["model.safetensors"] });
    model.dispose();
  });
});

describe("a file of another kind is called by its name", () => {
  const pointer = bytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
  const page = bytes("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n");
  const kinds: [string, Uint8Array, RegExp][] = [
    ["a pointer of Git LFS", pointer, /a pointer of Git LFS/],
    ["a page", page, /a web page \(HTML\)/],
    ["a gzip archive", new Uint8Array([0x1f, 0x8b, 8, 0, ...new Array<number>(20).fill(1)]), /a gzip archive/],
    ["a zip archive", new Uint8Array([0x50, 0x4b, 3, 4, ...new Array<number>(20).fill(0)]), /a zip archive/],
    ["a server's error", bytes('{"error":"Repository not found"}'), /Repository not found/],
    ["an empty file", new Uint8Array(), /empty/],
    ["UTF-16", new Uint8Array(Buffer.from("\ufeff{}\n", "utf16le")), /UTF-16|header/],
  ];
  it.each(kinds)(
    "%s as config.json, as weights, as tokenizer.json and as vocab.json",
    async (what, content, message) => {
      expect((await refused({ ...saved, "config.json": content })).message).toMatch(message);
      expect((await refused({ ...saved, "model.safetensors": content })).message).toMatch(message);
      const files: Files[] = [
        { "tokenizer.json": content },
        { "vocab.json": content, "merges.txt": bytes("#version: 0.2\n") },
      ];
      for (const each of files)
        for (const read of [loadTokenizer, AutoTokenizer.fromPretrained]) {
          const error: unknown = await read(new MemoryFolder("folder", each)).catch((e: unknown) => e);
          expect(error).toBeInstanceOf(TesseraError);
          if (what !== "an empty file" && !("vocab.json" in each && what === "a server's error"))
            expect(String(error)).toMatch(message);
        }
    },
  );

  it("Latin-1 in config.json is refused with its place, a byte order mark is skipped", async () => {
    const text = JSON.stringify({ ...parse(saved["config.json"]), id2label: { 0: "caf\xe9", 1: "b" } });
    expect((await refused({ ...saved, "config.json": new Uint8Array(Buffer.from(text, "latin1")) })).message).toMatch(
      /^folder\/config.json: expected a text in UTF-8, got 0xe9 .* \(line 1, byte [0-9]+\)/,
    );
    const { model } = await load({ ...saved, "config.json": bytes(`\ufeff${text}`) });
    expect(model.config.id2label[0]).toBe("café");
    model.dispose();
  });
});

describe("a configuration whose values are not what they should be", () => {
  it.each([
    [{ num_hidden_layers: 2147483648 }, /expected numHiddenLayers to be at most 1000, got 2147483648/],
    [{ hidden_size: 2 ** 30, num_attention_heads: 1 }, /expected sizes of a model of at most/],
    [
      { intermediate_size: 2_000_000 },
      /config.json: expected the sizes of the weights, which have [0-9]+ numbers, got those of a model of/,
    ],
    [{ vocab_size: 2 ** 53 }, /expected vocabSize to be a whole number ≥ 1, got 9007199254740992/],
    [{ num_labels: 2e9 }, /expected numLabels to be at most 1000000, got 2000000000/],
    [{ eos_token_id: 64 }, /expected eosTokenId to be below vocabSize \(64\), got 64/],
    [{ bos_token_id: -1 }, /expected bosTokenId to be a whole number ≥ 0, got -1/],
    [{ id2label: "ab" }, /expected id2label to be names by id, got "ab"/],
    [
      { id2label: { 0: "a" }, label2id: { a: "0" } },
      /expected label2id to be names with ids from 0 to 0, got {"a":"0"}/,
    ],
    [{ problem_type: "foo" }, /problemType/],
    [{ tie_word_embeddings: 1 }, /expected tieWordEmbeddings to be true or false, got 1/],
    [{ hidden_act: { deep: [1] } }, /expected hiddenAct to be one of .*, got {"deep":\[1\]}/],
    [{ tessera: "x" }, /folder\/config.json: expected tessera to be an object, got "x"/],
    [{ tessera: { sparseLayouts: null } }, /expected tessera.sparseLayouts to be an object, got null/],
    [{ tessera: { sparseLayouts: { "roberta.x": 5 } } }, /roberta.x is described by 5/],
  ])("%j is refused at once, by its name", async (changes, message) => {
    expect((await refused(withConfig(changes))).message).toMatch(message);
  });

  it("values 20,000 deep are refused, as text and parsed", async () => {
    const deep = `{"extra":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    expect((await refused({ ...saved, "config.json": bytes(deep) })).message).toMatch(
      /deeper in one another than 100 levels/,
    );
    for (const Config of [RobertaConfig, BertConfig])
      for (const json of [deep, JSON.parse(deep) as unknown])
        expect(() => Config.fromJSON(json)).toThrow(/config.json: expected a JSON object, got .* \(values lie deeper/);
  });

  it("a key that stands twice is refused", async () => {
    expect((await refused({ ...saved, "config.json": bytes('{"vocab_size":64,"vocab_size":65}') })).message).toMatch(
      /the key "vocab_size" stands twice/,
    );
  });
});

it("the error about a missing key advises nothing that fromPretrained cannot do", async () => {
  const tensors = new Map(
    [...readSafetensors(saved["model.safetensors"]).tensors].filter(([key]) => !key.endsWith("output.LayerNorm.bias")),
  );
  const error = await refused({ ...saved, "model.safetensors": writeSafetensors(tensors) });
  expect(error).toBeInstanceOf(StateDictError);
  expect(error.message).toMatch(
    /^folder\/model.safetensors: expected the keys and shapes that config.json describes; 4 missing: /,
  );
  expect(error.message).toMatch(/; do the two files belong together/);
  expect(error.message).not.toContain("strict");
});

it("weights that are not finite are loaded, as torch loads them, and not patched", async () => {
  const { tensors } = readSafetensors(saved["model.safetensors"]);
  const name = "roberta.encoder.layer.0.intermediate.dense";
  const { shape, dtype, data } = tensors.get(`${name}.weight`)!;
  const broken: HostTensor = { shape, dtype, data: data.map((x, i) => (i === 1 ? NaN : x)) };
  const { model } = await load({
    ...saved,
    "model.safetensors": writeSafetensors(new Map([...tensors, [`${name}.weight`, broken]])),
  });
  const patcher = new BlockSparseModelPatcher().addPattern(/.*intermediate\.dense/, {
    density: 0.5,
    blockSize: 4,
    criterion: "random",
  });
  expect(() => patcher.patchModel(model)).toThrow(PatchError);
  expect(() => patcher.patchModel(model)).toThrow(
    `${name}: its weight has 1 value that is not finite, first NaN at [0, 1]`,
  );
  expect(String(model)).not.toContain("BlockSparse");
  model.dispose();
});

describe("a journal of a write that did not end, in a folder from elsewhere", () => {
  it.each([
    ["leads out of the folder", JSON.stringify([{ from: ".tessera-a.tmp", to: "../stolen.txt" }])],
    ["takes what is no temporary", JSON.stringify([{ from: "model.safetensors", to: "gone" }])],
    ["is damaged", '[{"from":'],
    ["is no list", '{"from":1}'],
  ])("that %s moves nothing", async (_, journal) => {
    const path = await mkdtemp(join(tmpdir(), "tessera-journal-"));
    try {
      await writeFile(join(path, "model.safetensors"), "x");
      await writeFile(join(path, ".tessera-commit.json"), journal);
      const folder = await openFolder(path);
      await expect(folder.list()).rejects.toThrow(/\.tessera-commit\.json: expected .*; remove/);
      await expect(folder.list()).rejects.toThrow(TesseraError);
      expect(await readdir(path)).toContain("model.safetensors");
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  });
});
