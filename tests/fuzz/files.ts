// Hostile files: weights, configurations, tokenizers and texts with bytes, lengths, values and names changed. Each gives the right answer or
// an error of the packages' own, within two seconds of computing, and leaves no tensor behind.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import {
  ByteLevelBpeTokenizer,
  loadTokenizer,
  MemoryFolder,
  readTextFile,
  readTsvFile,
  RobertaConfig,
  RobertaForMaskedLM,
  SeededRandom,
  trainBpe,
} from "@tessera/models";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { Generator, memory, readSafetensors, TesseraError, writeSafetensors } from "@tessera/tensor";
import { bytesOf, FOREIGN, join, mutateBytes, mutateJson, pick } from "./mutate.ts";
import type { FuzzProgram } from "./program.ts";

type Files = Readonly<Record<string, Uint8Array>>;

/** A kind of file: how a case of it is made, and what must hold of what is read. */
interface Target {
  readonly name: string;
  /** Of ten thousand cases about so many hundred. */
  readonly weight: number;
  make(random: SeededRandom): Files;
  /** Reads the files, and throws a plain Error where the answer is not the right one. */
  read(files: Files, disk: string): Promise<void>;
}

/** Longest computing time of one case, in milliseconds. */
const LIMIT = 2000;
/** Longest message of an error. */
const LONGEST = 20_000;

class WrongAnswer extends Error {
  override name = "WrongAnswer";
}
const holds = (condition: boolean, what: string): void => {
  if (!condition) throw new WrongAnswer(what);
};
const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Header and data of a safetensors file that is right. */
const parts = (file: Uint8Array): { header: unknown; data: Uint8Array } => {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return { header: JSON.parse(textOf(file.subarray(8, 8 + length))) as unknown, data: file.subarray(8 + length) };
};

const safetensorsOf = (header: Uint8Array, data: Uint8Array, length = BigInt(header.length)): Uint8Array => {
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt.asUintN(64, length), true);
  return join(size, header, data);
};

const mutateWeights = (random: SeededRandom, file: Uint8Array): Uint8Array => {
  const way = random.nextFloat();
  if (way < 0.3) return mutateBytes(random, file);
  if (way < 0.36) return pick(random, Object.values(FOREIGN));
  const { header, data } = parts(file);
  const text = bytesOf(mutateJson(random, header));
  if (way < 0.85) return safetensorsOf(text, data);
  if (way < 0.95) return safetensorsOf(text, mutateBytes(random, data));
  return safetensorsOf(
    text,
    data,
    BigInt(text.length) + pick(random, [-1n, 1n, 8n, -8n, 2n ** 31n, 2n ** 53n, 2n ** 63n]),
  );
};

const mutateText = (random: SeededRandom, text: string, json: boolean): Uint8Array => {
  const way = random.nextFloat();
  if (way < 0.1) return pick(random, Object.values(FOREIGN));
  if (way < 0.13) return new Uint8Array(Buffer.from(`\ufeff${text}`, "utf16le"));
  if (way < 0.16) return join(new Uint8Array([0xef, 0xbb, 0xbf]), bytesOf(text));
  if (json && way < 0.75) return bytesOf(mutateJson(random, JSON.parse(text)));
  return mutateBytes(random, bytesOf(text));
};

/** What a reader of safetensors must have got: each tensor is the bytes between its offsets, and there are no others. */
const checkWeights = (file: Uint8Array): void => {
  const { tensors } = readSafetensors(file);
  const { header, data } = parts(file);
  const entries = Object.entries(header as { readonly [name: string]: unknown }).filter(
    ([name]) => name !== "__metadata__",
  );
  holds(entries.length === tensors.size, `${entries.length} tensors in the header, ${tensors.size} read`);
  let covered = 0;
  for (const [name, value] of entries) {
    const {
      dtype,
      shape,
      data_offsets: range,
    } = value as { dtype: string; shape: number[]; data_offsets: [number, number] };
    const tensor = tensors.get(name);
    holds(tensor !== undefined && equal(tensor.shape, shape), `the shape of ${name}`);
    covered += range[1] - range[0];
    if (dtype === "F32" || dtype === "I32") {
      const { data: read } = tensor!;
      const bytes = new Uint8Array(read.buffer, read.byteOffset, read.byteLength);
      holds(Buffer.compare(bytes, data.subarray(...range)) === 0, `the bytes of ${name}`);
    }
  }
  holds(covered === data.length, `${covered} of ${data.length} bytes belong to tensors`);
  const again = readSafetensors(writeSafetensors(tensors)).tensors;
  for (const [name, { data: values }] of tensors)
    holds(
      values.every((x, i) => Object.is(x, again.get(name)!.data[i])),
      `${name} written and read again`,
    );
};

/** UTF-8 that is a text, without its mark; no other text may be read from the bytes. */
const isUtf8 = (bytes: Uint8Array): boolean => Buffer.compare(Buffer.from(textOf(bytes)), stripped(bytes)) === 0;
const stripped = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;

const size = { vocabSize: 24, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 16 };

/** The files that are changed: a model, the same block-sparse and in shards, a tokenizer, texts. */
const makeBases = async () => {
  const config = new RobertaConfig({ ...size, maxPositionEmbeddings: 10, id2label: { 0: "a", 1: "é", 2: "c" } });
  const files = async (sparse: boolean): Promise<Record<"config.json" | "model.safetensors", Uint8Array>> => {
    using model = new RobertaForMaskedLM(config, { generator: new Generator(1) });
    if (sparse) new BlockSparseModelPatcher().addPattern(/.*dense/, { density: 0.5, blockSize: 4 }).patchModel(model);
    const folder = new MemoryFolder();
    await model.savePretrained(folder);
    return {
      "config.json": await folder.read("config.json"),
      "model.safetensors": await folder.read("model.safetensors"),
    };
  };
  const [dense, sparse] = [await files(false), await files(true)];
  const shard = "model-00001-of-00001.safetensors";
  const names = [...readSafetensors(dense["model.safetensors"]).tensors.keys()];
  const sharded: Files = {
    "config.json": dense["config.json"],
    [shard]: dense["model.safetensors"],
    "model.safetensors.index.json": bytesOf(
      JSON.stringify({
        metadata: { total_size: 1 },
        weight_map: Object.fromEntries(names.map((name) => [name, shard])),
      }),
    ),
  };
  const learned = ByteLevelBpeTokenizer.fromModel(
    trainBpe(["low lower lowest, newer newest wide"], { vocabSize: 275 }),
  );
  const mixed = writeSafetensors(
    new Map([
      ["b.weight", { shape: [2, 3], dtype: "float32" as const, data: Float32Array.of(1, -0, NaN, Infinity, 5, 6) }],
      ["a", { shape: [], dtype: "int32" as const, data: Int32Array.of(-7) }],
      ["mask", { shape: [3], dtype: "bool" as const, data: Uint8Array.of(1, 0, 1) }],
      ["nothing", { shape: [0, 4], dtype: "float32" as const, data: new Float32Array(0) }],
    ]),
    { format: "pt" },
  );
  return { dense, sparse, sharded, mixed, tokenizer: learned.toFiles() };
};
type Bases = Awaited<ReturnType<typeof makeBases>>;

const readModel = async (files: Files): Promise<void> => {
  const { model } = await RobertaForMaskedLM.fromPretrained(new MemoryFolder("folder", files));
  try {
    const to = new MemoryFolder("to");
    await model.savePretrained(to);
    const [, weights] = [await to.read("config.json"), await to.read("model.safetensors")];
    const read = readSafetensors(weights).tensors;
    const given = Object.entries(files).filter(([name]) => name.endsWith(".safetensors"));
    const sources = given.map(([, bytes]) => readSafetensors(bytes).tensors);
    for (const [name, { data }] of read)
      for (const source of sources) {
        const own = source.get(name);
        if (own)
          holds(
            data.every((x, i) => Object.is(x, own.data[i])),
            `the values of ${name}`,
          );
      }
  } finally {
    model.dispose();
  }
};

const PROBE = "low lowest\n wide é 日本 <mask>🙂";

const readTokenizer = async (files: Files): Promise<void> => {
  const tokenizer = await loadTokenizer(new MemoryFolder("folder", files));
  const ids = tokenizer.encodeToIds(PROBE);
  for (const id of ids) holds(id >= 0 && id < tokenizer.vocabSize, `id ${id} of ${tokenizer.vocabSize}`);
  const again = ByteLevelBpeTokenizer.fromJSON(tokenizer.toFiles()["tokenizer.json"]);
  holds(equal([...again.encodeToIds(PROBE)], [...ids]), "the ids of a text after writing and reading");
  tokenizer.decode(ids, { skipSpecialTokens: false });
};

const TABLE = "animal\ta dog\nplant\ta tree, wide\r\nanimal\tün chat\n\nfood\t日本 rice\n";

const makeTargets = ({ dense, sparse, sharded, mixed, tokenizer }: Bases): Target[] => {
  const oneOf = (random: SeededRandom, files: Files, names: readonly string[] = Object.keys(files)): Files => {
    const name = pick(random, names);
    const bytes = files[name]!;
    const changed = name.endsWith(".safetensors")
      ? mutateWeights(random, bytes)
      : mutateText(random, textOf(bytes), name.endsWith(".json"));
    return { ...files, [name]: changed };
  };
  const tokenizerFiles = Object.fromEntries(Object.entries(tokenizer).map(([name, text]) => [name, bytesOf(text)]));
  const { "tokenizer.json": single, ...pair } = tokenizerFiles;
  return [
    {
      name: "safetensors",
      weight: 30,
      make: (random) => ({ file: mutateWeights(random, mixed) }),
      read: async ({ file }) => checkWeights(file!),
    },
    {
      name: "config.json",
      weight: 15,
      make: (random) => oneOf(random, { "config.json": dense["config.json"] }),
      read: async (files) => {
        const bytes = files["config.json"]!;
        const text = textOf(bytes);
        const config = RobertaConfig.fromJSON(text);
        holds(
          equal(RobertaConfig.fromJSON(JSON.stringify(config)).toJSON(), config.toJSON()),
          "a configuration read again",
        );
      },
    },
    { name: "dense model", weight: 12, make: (random) => oneOf(random, dense), read: readModel },
    { name: "sparse model", weight: 12, make: (random) => oneOf(random, sparse), read: readModel },
    { name: "shards", weight: 6, make: (random) => oneOf(random, sharded), read: readModel },
    {
      name: "tokenizer.json",
      weight: 8,
      make: (random) => oneOf(random, { "tokenizer.json": single! }),
      read: readTokenizer,
    },
    { name: "vocab and merges", weight: 7, make: (random) => oneOf(random, pair), read: readTokenizer },
    {
      name: "TSV",
      weight: 6,
      make: (random) => ({ file: mutateText(random, TABLE, false) }),
      read: async ({ file }, disk) => {
        await writeFile(disk, file!);
        const { labels, examples } = await readTsvFile(disk);
        holds(isUtf8(file!), "no text from bytes that are not UTF-8");
        for (const { text, label } of examples)
          holds(textOf(file!).includes(text) && label < labels.length, "a row of the file");
      },
    },
    {
      name: "text",
      weight: 4,
      make: (random) => ({ file: mutateText(random, TABLE, false) }),
      read: async ({ file }, disk) => {
        await writeFile(disk, file!);
        const lines = await readTextFile(disk);
        holds(isUtf8(file!), "no text from bytes that are not UTF-8");
        const want = textOf(file!)
          .split("\n")
          .map((line) => line.replace(/\r$/, ""));
        holds(
          equal(
            lines,
            want.filter((line) => line.trim() !== ""),
          ),
          "the lines of the file",
        );
      },
    },
  ];
};

const live = (): string =>
  JSON.stringify(Object.entries(memory()).map(([name, { tensors, bytes }]) => [name, tensors, bytes]));
/** Computing time of this process, in milliseconds: on a busy machine the clock says more of others. */
const computed = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** What became of one case: `read`, `refused`, or why it failed. */
const runCase = async (target: Target, files: Files, disk: string): Promise<{ outcome: string; failed: boolean }> => {
  const [before, start] = [live(), computed()];
  let outcome = "read";
  let failed = false;
  try {
    await target.read(files, disk);
  } catch (error) {
    if (error instanceof TesseraError && error.message.length <= LONGEST) outcome = "refused";
    else {
      failed = true;
      const shown = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      outcome = error instanceof TesseraError ? `a message of ${shown.length} characters` : shown.slice(0, 200);
    }
  }
  const took = computed() - start;
  if (!failed && took > LIMIT) return { outcome: `took ${took.toFixed(0)} ms`, failed: true };
  if (!failed && live() !== before) return { outcome: `left tensors behind: ${before} → ${live()}`, failed: true };
  return { outcome, failed };
};

export const files: FuzzProgram = {
  summary: "safetensors, config.json, tokenizers, shards and texts: the right answer or a typed error",
  async run({ seed, from, to, onFailure }) {
    const folder = await mkdtemp(joinPath(tmpdir(), "tessera-fuzz-"));
    const targets = makeTargets(await makeBases());
    const total = targets.reduce((sum, { weight }) => sum + weight, 0);
    const tally: Record<string, number> = {};
    let slowest = 0;
    try {
      for (let index = from; index < to; index++) {
        const random = new SeededRandom(seed, "files", index);
        let place = random.nextFloat() * total;
        const target = targets.find(({ weight }) => (place -= weight) < 0) ?? targets[0]!;
        const given = target.make(random);
        const start = computed();
        const { outcome, failed } = await runCase(target, given, joinPath(folder, "file.txt"));
        slowest = Math.max(slowest, computed() - start);
        if (failed) onFailure({ index, what: target.name, why: outcome });
        const key = `${target.name}: ${failed ? "failed" : outcome}`;
        tally[key] = (tally[key] ?? 0) + 1;
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const sorted = Object.fromEntries(Object.entries(tally).sort(([a], [b]) => (a < b ? -1 : 1)));
    return {
      ...sorted,
      "slowest case, ms": Math.round(slowest),
      "largest memory, MB": Math.round(process.resourceUsage().maxRSS / 1024),
    };
  },
};
