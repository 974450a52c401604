import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ByteLevelBpeTokenizer } from "./byte-level-bpe-tokenizer.ts";
import { trainBpe } from "./train-bpe.ts";

const golden = (file: string): string =>
  readFileSync(new URL(`../../../../goldens/tokenizer/${file}`, import.meta.url), "utf8");

const trained = ByteLevelBpeTokenizer.fromJSON(golden("tokenizer.json"));
const roberta = ByteLevelBpeTokenizer.fromFiles(golden("vocab.json"), golden("merges.txt"));

type Json = ReturnType<ByteLevelBpeTokenizer["toJSON"]>;
const broken = (change: (json: Json) => unknown): (() => ByteLevelBpeTokenizer) => {
  const json = structuredClone(trained.toJSON());
  return () => ByteLevelBpeTokenizer.fromJSON(change(json) ?? json);
};

test("merges are read as strings and as pairs", () => {
  const json = trained.toJSON();
  const strings = { ...json, model: { ...json.model, merges: json.model.merges!.map((pair) => pair.join(" ")) } };
  expect(ByteLevelBpeTokenizer.fromJSON(strings).toJSON()).toEqual(json);
});

test("RoBERTa's own form: RobertaProcessing, ByteLevel, <mask> with lstrip", () => {
  const { added_tokens: added, post_processor, pre_tokenizer, decoder } = roberta.toJSON();
  expect(post_processor).toEqual({
    type: "RobertaProcessing",
    sep: ["</s>", 2],
    cls: ["<s>", 0],
    trim_offsets: true,
    add_prefix_space: false,
  });
  expect(pre_tokenizer).toEqual({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true });
  expect(decoder?.type).toBe("ByteLevel");
  expect(added.map(({ content, lstrip }) => [content, lstrip])).toEqual([
    ["<s>", false],
    ["<pad>", false],
    ["</s>", false],
    ["<unk>", false],
    ["<mask>", true],
  ]);
  const files = roberta.toFiles();
  expect(ByteLevelBpeTokenizer.fromJSON(files["tokenizer.json"]).toFiles()).toEqual(files);
});

test.each<[string, () => unknown, string]>([
  ["no JSON", () => ByteLevelBpeTokenizer.fromJSON("{"), 'tokenizer.json: expected JSON, got "{"'],
  ["an array", broken(() => []), "tokenizer.json: expected an object, got []"],
  ["no model", broken((j) => ({ ...j, model: undefined })), "model: expected an object, got undefined"],
  [
    "WordPiece",
    broken((j) => ({
      ...j,
      model: { ...j.model, type: "WordPiece", unk_token: "<unk>", continuing_subword_prefix: "##" },
    })),
    'model.type: expected "BPE", got "WordPiece"; Tokenizer.fromJSON reads other kinds',
  ],
  [
    "dropout beyond 1",
    broken((j) => ({ ...j, model: { ...j.model, dropout: 1.5 } })),
    "model.dropout: expected a number in [0, 1], got 1.5",
  ],
  [
    "a normalizer that is not known",
    broken((j) => ({ ...j, normalizer: { type: "Nmt" } })),
    "tokenizer.json: normalizer: expected type NFC, NFD, NFKC,",
  ],
  [
    "a part of a sequence that is not known",
    broken((j) => ({ ...j, normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }, { type: "Odd" }] } })),
    'normalizer.normalizers[1]: expected type NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, BertNormalizer, Strip, Prepend, Replace, ByteLevel, Sequence, got {"type":"Odd"}',
  ],
  [
    "a normalizer without a type",
    broken((j) => ({ ...j, normalizer: {} as never })),
    "normalizer.type: expected a string, got undefined",
  ],
  [
    "a pattern that is no regular expression",
    broken((j) => ({
      ...j,
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [{ type: "Split", pattern: { Regex: "a(b" }, behavior: "Isolated" }, j.pre_tokenizer],
      },
    })),
    "pretokenizers[0].pattern.Regex: expected a pattern of literals",
  ],
  [
    "a behaviour that is not known",
    broken((j) => ({
      ...j,
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [{ type: "Split", pattern: { String: "a" }, behavior: "Odd" }, j.pre_tokenizer],
      },
    })),
    'pretokenizers[0].behavior: expected "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous", got "Odd"',
  ],
  [
    "Whitespace",
    broken((j) => ({ ...j, pre_tokenizer: { type: "Whitespace" } })),
    'pre_tokenizer: expected type "ByteLevel", got {"type":"Whitespace"}',
  ],
  [
    "a flag as text",
    broken((j) => ({ ...j, pre_tokenizer: { type: "ByteLevel", add_prefix_space: "no" } })),
    'pre_tokenizer.add_prefix_space: expected true or false, got "no"',
  ],
  ["no decoder", broken((j) => ({ ...j, decoder: null })), 'decoder: expected type "ByteLevel", got null'],
  [
    "BertProcessing without its tokens",
    broken((j) => ({ ...j, post_processor: { type: "BertProcessing" } })),
    "post_processor.sep: expected an array, got undefined",
  ],
  [
    "a template that names no token of its own",
    broken((j) => ({
      ...j,
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "[CLS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 0 } }],
        special_tokens: {},
      },
    })),
    'post_processor.single[0].SpecialToken.id: expected a token of special_tokens, got "[CLS]"',
  ],
  [
    "a wrong sep",
    broken((j) => ({ ...j, post_processor: { type: "RobertaProcessing", sep: ["</s>", 7], cls: ["<s>", 0] } })),
    'post_processor: expected the id of "</s>" to be 2, got 7',
  ],
  [
    "vocab as a list",
    broken((j) => ({ ...j, model: { ...j.model, vocab: [] } })),
    "model.vocab: expected an object, got []",
  ],
  [
    "an id as text",
    broken((j) => ((j.model.vocab.a = "5" as unknown as number), undefined)),
    'model.vocab["a"]: expected an integer ≥ 0, got "5"',
  ],
  [
    "an id twice",
    broken((j) => ((j.model.vocab.a = 5), undefined)),
    'vocab: expected an id for each token, got 5 twice, for "!" and "a"',
  ],
  [
    "merges as text",
    broken((j) => ({ ...j, model: { ...j.model, merges: "a b" } })),
    'model.merges: expected an array, got "a b"',
  ],
  [
    "three parts",
    broken((j) => ({ ...j, model: { ...j.model, merges: ["a b", "a b c"] } })),
    'model.merges[1]: expected two tokens, "a b" or ["a", "b"], got "a b c"',
  ],
  [
    "an unknown part",
    broken((j) => ((j.model.merges = [["a", "nope"]]), undefined)),
    'merges[0]: expected tokens of the vocabulary, got "nope" in "a nope"',
  ],
  [
    "an unknown result",
    broken((j) => ((j.model.merges = [["Q", "Z"]]), undefined)),
    'merges[0]: expected tokens of the vocabulary, got "QZ" in "Q Z"',
  ],
  [
    "a merge twice",
    broken((j) => void j.model.merges!.push(["e", "r"])),
    'merges[739]: expected each pair once, got "e r" again',
  ],
  [
    "an added token elsewhere",
    broken((j) => ((j.added_tokens[0]!.id = 9), undefined)),
    'added_tokens: expected "<s>" to have the vocabulary\'s id 0, got 9',
  ],
  [
    "an empty added token",
    broken((j) => void j.added_tokens.push({ ...j.added_tokens[0]!, content: "", id: 1000 })),
    "added_tokens: expected non-empty contents, got an empty one",
  ],
  [
    "an unknown unk",
    broken((j) => ({ ...j, model: { ...j.model, unk_token: "[UNK]" } })),
    'tokenizer: expected an unk token "[UNK]", got a vocabulary without it',
  ],
  ["vocab.json cut off", () => ByteLevelBpeTokenizer.fromFiles('{"a": 1', ""), "vocab.json: expected JSON"],
  [
    "merges.txt with three words",
    () => ByteLevelBpeTokenizer.fromFiles(golden("vocab.json"), "#version: 0.2\na b\na b c\n"),
    'merges.txt: line 3: expected two tokens, "a b", got "a b c"',
  ],
  [
    "merges.txt with a blank line",
    () => ByteLevelBpeTokenizer.fromFiles(golden("vocab.json"), "e r\n\ni n\n"),
    'merges.txt: line 2: expected two tokens, "a b", got ""',
  ],
  [
    "a token that stands twice in vocab.json",
    () => ByteLevelBpeTokenizer.fromFiles('{"a":0,"b":1,"a":2}', ""),
    'the key "a" stands twice in one object',
  ],
  [
    "an added token that stands twice",
    broken((j) => void j.added_tokens.push({ ...j.added_tokens[0]! })),
    'expected a token that is not there yet (see tokenizer.json: added_tokens[0]), got "<s>"',
  ],
  [
    "values 20,000 deep",
    () => ByteLevelBpeTokenizer.fromJSON(`{"model":${"[".repeat(20_000)}${"]".repeat(20_000)}}`),
    "values lie deeper in one another than 100 levels",
  ],
  [
    "parsed values 20,000 deep",
    () =>
      ByteLevelBpeTokenizer.fromJSON({ model: JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`) as unknown }),
    "values lie deeper in one another than 100 levels",
  ],
  [
    "a token of a million letters",
    () => ByteLevelBpeTokenizer.fromFiles({ ["a".repeat(1e6)]: -1 }, ""),
    `vocab.json["${"a".repeat(76)}`,
  ],
  [
    "merges.txt that is no text",
    () => ByteLevelBpeTokenizer.fromFiles(golden("vocab.json"), null as unknown as string),
    "merges.txt: expected the text of the file, got null",
  ],
  [
    "no special tokens",
    () => ByteLevelBpeTokenizer.fromFiles({ a: 0 }, ""),
    'vocab: expected the special token "<s>", got none of that name; train with it or name yours in specialTokens',
  ],
])("%s is refused, and the error says where", (_, read, message) => {
  expect(read).toThrow(
    expect.objectContaining({ name: "TokenizerError", message: expect.stringContaining(message) as string }),
  );
});

test("a byte order mark before a file is skipped", () => {
  const [vocab, merges] = [`\ufeff${golden("vocab.json")}`, `\ufeff${golden("merges.txt")}`];
  expect(ByteLevelBpeTokenizer.fromFiles(vocab, merges).toFiles()).toEqual(roberta.toFiles());
});

test("a token called __proto__ goes through the files", () => {
  const { vocab, merges } = trainBpe(["the low"], { vocabSize: 263 });
  const own = new Map(vocab).set("__proto__", vocab.size);
  const files = ByteLevelBpeTokenizer.fromModel({ vocab: own, merges }).toFiles();
  expect(ByteLevelBpeTokenizer.fromJSON(files["tokenizer.json"]).tokenToId("__proto__")).toBe(vocab.size);
  expect(ByteLevelBpeTokenizer.fromFiles(files["vocab.json"], files["merges.txt"]).tokenToId("__proto__")).toBe(
    vocab.size,
  );
});

test("Windows line ends in merges.txt are read", () => {
  const merges = golden("merges.txt").replaceAll("\n", "\r\n");
  expect(ByteLevelBpeTokenizer.fromFiles(golden("vocab.json"), merges).toFiles()).toEqual(roberta.toFiles());
});

test("other names for the special tokens", () => {
  const names = { bos: "[CLS]", pad: "[PAD]", eos: "[SEP]", unk: "[UNK]", mask: "[MASK]" };
  const model = trainBpe(["some text"], { vocabSize: 262, specialTokens: Object.values(names) });
  const tokenizer = ByteLevelBpeTokenizer.fromModel(model, { specialTokens: names });
  expect(tokenizer.encode("a [MASK]").tokens).toEqual(["[CLS]", "a", "[MASK]", "[SEP]"]);
  const json = tokenizer.toFiles()["tokenizer.json"];
  expect(ByteLevelBpeTokenizer.fromJSON(json, { specialTokens: names }).padTokenId).toBe(1);
  // Usual names are found.
  expect(ByteLevelBpeTokenizer.fromJSON(json).padTokenId).toBe(1);
  expect(() => ByteLevelBpeTokenizer.fromJSON(json, { specialTokens: { pad: "<p>" } }).padTokenId).toThrow(
    'tokenizer: expected a pad token "<p>", got a vocabulary without it; name yours in specialTokens',
  );
});
