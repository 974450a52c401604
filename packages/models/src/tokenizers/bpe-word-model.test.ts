import { describe, expect, test } from "vitest";
import { Tokenizer, type TokenizerOptions } from "./tokenizer.ts";

const vocab = Object.fromEntries(["<unk>", "a", "b", "c", "ab", "abc", "bc", "<0xC3>", "<0xA9>"].map((t, i) => [t, i]));
const merges = [
  ["a", "b"],
  ["ab", "c"],
  ["b", "c"],
];
const make = (model: object, options: TokenizerOptions = {}): Tokenizer =>
  Tokenizer.fromJSON(
    { model: { type: "BPE", vocab, merges, ...model }, pre_tokenizer: { type: "WhitespaceSplit" } },
    options,
  );
const tokens = (tokenizer: Tokenizer, text: string): string[] => tokenizer.encode(text).tokens;

describe("dropout", () => {
  /** A generator that gives the numbers of a list, over and over. */
  const cycle = (numbers: readonly number[]): (() => number) => {
    let at = 0;
    return () => numbers[at++ % numbers.length]!;
  };

  test("of 1 leaves symbols, of 0 merges all", () => {
    expect(tokens(make({ dropout: 1 }), "abc")).toEqual(["a", "b", "c"]);
    expect(tokens(make({ dropout: 0 }), "abc")).toEqual(["abc"]);
  });

  test("passes a merge over, which has another chance after the next", () => {
    // (a, b) is passed over, (b, c) merged, and of (a, b) nothing is left to merge.
    expect(tokens(make({ dropout: 0.5 }, { random: cycle([0.1, 0.9]) }), "abc")).toEqual(["a", "bc"]);
    expect(tokens(make({ dropout: 0.5 }, { random: () => 0.9 }), "abc")).toEqual(["abc"]);
  });

  test("gives equal words other tokens, in the share that it says", () => {
    let seed = 1;
    const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    const tokenizer = make({ dropout: 0.25, merges: [["a", "b"]] }, { random });
    const ids = tokenizer.encodeToIds(Array.from({ length: 4000 }, () => "ab").join(" "));
    const merged = ids.filter((id) => id === vocab.ab).length;
    // Standard deviation 27.
    expect(Math.abs(merged - 3000)).toBeLessThan(150);
  });
});

test("characters without a token: bytes where the vocabulary has them all, else the unk_token, one by one or as a run", () => {
  expect(tokens(make({ byte_fallback: true, unk_token: "<unk>" }), "aéxx")).toEqual([
    "a",
    "<0xC3>",
    "<0xA9>",
    "<unk>",
    "<unk>",
  ]);
  expect(tokens(make({ byte_fallback: true, unk_token: "<unk>", fuse_unk: true }), "xxéxx")).toEqual([
    "<0xC3>",
    "<0xA9>",
    "<unk>",
  ]);
  expect(() => make({}).encode("ax")).toThrow(
    'encode: expected characters of the vocabulary, got "x" and a model without unk_token',
  );
});

test("ignore_merges takes a word that is a token as it stands", () => {
  const own = { vocab: { ...vocab, cab: 9 } };
  expect(tokens(make({ ...own, ignore_merges: true }), "cab cabab")).toEqual(["cab", "c", "ab", "ab"]);
  expect(tokens(make(own), "cab")).toEqual(["c", "ab"]);
});

test("prefixes and suffixes are written at the symbols' places", () => {
  const own = { "<unk>": 0, a: 1, "##b": 2, "##b</w>": 3, "a##b": 4, ab: 5, "ab</w>": 6, "a</w>": 7 };
  const model = { vocab: own, merges: [["a", "##b</w>"]], continuing_subword_prefix: "##", end_of_word_suffix: "</w>" };
  expect(tokens(make(model), "ab a abb")).toEqual(["ab</w>", "a</w>", "a", "##b", "##b</w>"]);
});
