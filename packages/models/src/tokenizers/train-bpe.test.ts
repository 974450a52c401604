import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ByteLevelBpeTokenizer } from "./byte-level-bpe-tokenizer.ts";
import { TokenizerError } from "./tokenizer-error.ts";
import type { BpeProgress } from "./learn-merges.ts";
import { trainBpe, trainBpeAsync } from "./train-bpe.ts";

const golden = (file: string): string =>
  readFileSync(new URL(`../../../../goldens/tokenizer/${file}`, import.meta.url), "utf8");
const corpus = golden("corpus.txt").split("\n");

const merges = (texts: string[], tokens: number, minFrequency = 1): string[] =>
  trainBpe(texts, { vocabSize: 256 + tokens, minFrequency, specialTokens: [] }).merges.map((pair) => pair.join(" "));

test("training on the golden corpus writes the golden merges and vocabulary, to the byte", () => {
  const files = ByteLevelBpeTokenizer.fromModel(trainBpe(corpus, { vocabSize: 1000 })).toFiles();
  expect(files["merges.txt"]).toBe(golden("merges.txt"));
  expect(files["vocab.json"]).toBe(golden("vocab.json"));
});

test("a smaller vocabulary is the head of a larger one", () => {
  const large = trainBpe(corpus, { vocabSize: 700 });
  const small = trainBpe(corpus, { vocabSize: 400 });
  expect(small.merges).toEqual(large.merges.slice(0, small.merges.length));
});

test("of equally frequent pairs the one of smaller ids is first", () => {
  expect(merges(["zy", "ab", "ac"], 3)).toEqual(["a b", "a c", "z y"]);
  // "Ġ" is U+0120, behind every printable ASCII character, though its byte is the smallest.
  expect(merges([" a", "ax"], 2)).toEqual(["a x", "Ġ a"]);
});

test("overlapping pairs count each place: aaa has two of them", () => {
  // (a, a) 2 + 2 against (b, c) 3: then "aa" + "a" 2 is behind "bc".
  expect(merges(["aaa", "aaa", "bc", "bc", "bc"], 3)).toEqual(["a a", "b c", "aa a"]);
});

test("a pair seen less often than minFrequency is left", () => {
  expect(merges(["ab", "ab", "cd"], 10, 2)).toEqual(["a b"]);
  expect(merges(["ab", "ab", "cd"], 10, 1)).toEqual(["a b", "c d"]);
  expect(merges(["ab", "ab", "cd"], 10, 3)).toEqual([]);
});

test("words do not cross spaces or texts", () => {
  expect(merges(["a b", "a b", "ab"], 10, 2)).toEqual(["Ġ b"]);
});

test("special tokens come first, then the bytes; one that is a byte is not doubled", () => {
  const { vocab } = trainBpe(["ab"], { vocabSize: 258, minFrequency: 1, specialTokens: ["<s>", "!", "<s>"] });
  expect([...vocab.keys()].slice(0, 4)).toEqual(["<s>", "!", '"', "#"]);
  expect(vocab.size).toBe(258);
  expect([...vocab.values()]).toEqual(Array.from({ length: 258 }, (_, id) => id));
  expect(vocab.get("ab")).toBe(257);
});

test("a merge that spells a special token takes its id, as in the reference", () => {
  const { vocab, merges: learned } = trainBpe(["ab", "ab", "cd"], {
    vocabSize: 258,
    minFrequency: 1,
    specialTokens: ["ab"],
  });
  expect(learned).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  expect([vocab.get("ab"), vocab.get("cd")]).toEqual([0, 257]);
});

test("a prefix space makes the first word like any other", () => {
  const { merges: learned } = trainBpe(["hat", "a hat"], {
    vocabSize: 262,
    minFrequency: 2,
    specialTokens: [],
    addPrefixSpace: true,
  });
  expect(learned.map((pair) => pair.join(""))).toContain("Ġhat");
});

test("tokens that objects or replacements would treat in their own way are like any other", () => {
  const model = trainBpe(["10", "10", "constructor", "constructor", "$&", "$&", "$$", "$$"], {
    vocabSize: 400,
    minFrequency: 2,
  });
  expect([...model.vocab.keys()].slice(261)).toEqual(expect.arrayContaining(["10", "constructor", "$&", "$$"]));
  expect([...model.vocab.keys()].indexOf("10")).toBe(model.vocab.get("10"));
  const files = ByteLevelBpeTokenizer.fromModel(model).toFiles();
  const read = ByteLevelBpeTokenizer.fromJSON(files["tokenizer.json"]);
  expect(read.toFiles()).toEqual(files);
  expect(ByteLevelBpeTokenizer.fromFiles(files["vocab.json"], files["merges.txt"]).toFiles()).toEqual(files);
});

test("the asynchronous trainer learns the same, reads as it goes and lets others run", async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const progress: BpeProgress[] = [];
  const model = await trainBpeAsync(
    (async function* () {
      for (let round = 0; round < 8; round++) yield* corpus;
    })(),
    { vocabSize: 1000, minFrequency: 2 * 8, onProgress: (step) => progress.push(step) },
  );
  clearInterval(timer);
  expect(model).toEqual(trainBpe(corpus, { vocabSize: 1000 }));
  expect(ticks).toBeGreaterThan(0);
  expect(progress.length).toBeGreaterThan(0);
});

test("progress rises to the vocabulary's size", () => {
  const progress: number[] = [];
  trainBpe(corpus, { vocabSize: 600, onProgress: ({ tokens }) => progress.push(tokens) });
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect(progress.at(-1)).toBe(600);
  expect(progress.length).toBeGreaterThan(5);
});

test("errors say what is wrong", async () => {
  expect(() => trainBpe([], { vocabSize: 1000 })).toThrow(
    new TokenizerError("trainBpe: expected text to learn from, got an empty corpus; check the path or the filter"),
  );
  expect(() => trainBpe(["", ""], { vocabSize: 1000 })).toThrow(/empty corpus/);
  await expect(trainBpeAsync([], { vocabSize: 1000 })).rejects.toThrow(/empty corpus/);
  for (const vocabSize of [260, 300.5, NaN]) {
    expect(() => trainBpe(["a"], { vocabSize })).toThrow(
      `trainBpe: expected a whole vocabSize ≥ 261 (special tokens and 256 bytes), got ${vocabSize}; change it`,
    );
  }
  expect(() => trainBpe(corpus, { vocabSize: 1000, shouldStop: () => true })).toThrow(
    /^trainBpe: expected 1000 tokens, stopped at \d+; start again, nothing is kept$/,
  );
});
