import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { byteToChar } from "./byte-alphabet.ts";
import { ByteLevelBpeTokenizer } from "./byte-level-bpe-tokenizer.ts";

const golden = (file: string): string =>
  readFileSync(new URL(`../../../../goldens/tokenizer/${file}`, import.meta.url), "utf8");

interface GoldenEncoding {
  text: string;
  ids: number[];
  tokens: string[];
  decoded: string;
}

const trained = ByteLevelBpeTokenizer.fromJSON(golden("tokenizer.json"));
/** The golden vocabulary as RoBERTa's tokenizer: `<mask>` takes the space before it, `<s> … </s>`. */
const roberta = ByteLevelBpeTokenizer.fromFiles(golden("vocab.json"), golden("merges.txt"));

describe("goldens", () => {
  test.each(JSON.parse(golden("encodings.json")) as GoldenEncoding[])("$text", ({ text, ids, tokens, decoded }) => {
    for (const tokenizer of [trained, roberta]) {
      const encoding = tokenizer.encode(text, { addSpecialTokens: false });
      expect({ ids: encoding.ids, tokens: encoding.tokens }).toEqual({ ids, tokens });
      expect([...tokenizer.encodeToIds(text)]).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
    }
  });

  test("tokenizer.json comes back to the byte", () => {
    expect(trained.toFiles()).toEqual({
      "tokenizer.json": golden("tokenizer.json"),
      "vocab.json": golden("vocab.json"),
      "merges.txt": golden("merges.txt"),
    });
    expect(trained.toJSON()).toEqual(JSON.parse(golden("tokenizer.json")));
  });
});

describe("special tokens", () => {
  test("have their ids", () => {
    const { bosTokenId, padTokenId, eosTokenId, unkTokenId, maskTokenId, maskToken, vocabSize } = roberta;
    expect([bosTokenId, padTokenId, eosTokenId, unkTokenId, maskTokenId]).toEqual([0, 1, 2, 3, 4]);
    expect([...roberta.specialTokenIds]).toEqual([0, 1, 2, 3, 4]);
    expect(maskToken).toBe("<mask>");
    expect(vocabSize).toBe(1000);
    expect([
      roberta.tokenToId("Ġthe"),
      roberta.idToToken(274),
      roberta.tokenToId("nope"),
      roberta.idToToken(1000),
    ]).toEqual([274, "Ġthe", undefined, undefined]);
  });

  test("stand around one text and between two", () => {
    expect(roberta.encode("the").tokens).toEqual(["<s>", "the", "</s>"]);
    const pair = roberta.encode("the", { pair: " the" });
    expect(pair.tokens).toEqual(["<s>", "the", "</s>", "</s>", "Ġthe", "</s>"]);
    expect(pair.specialTokensMask).toEqual([1, 0, 1, 1, 0, 1]);
    expect(pair.attentionMask).toEqual([1, 1, 1, 1, 1, 1]);
    expect(roberta.encode("").tokens).toEqual(["<s>", "</s>"]);
    expect(roberta.encode("the", { pair: " the", addSpecialTokens: false }).tokens).toEqual(["the", "Ġthe"]);
    // Its file names no RobertaProcessing, so it adds none.
    expect(trained.encode("the").tokens).toEqual(["the"]);
  });

  test("<mask> takes the white space before it, the others none", () => {
    const tokens = (text: string): string[] => roberta.encode(text, { addSpecialTokens: false }).tokens;
    expect(tokens("the <mask> the")).toEqual(["the", "<mask>", "Ġthe"]);
    expect(tokens("a \n\u00a0<mask>")).toEqual(["a", "<mask>"]);
    expect(tokens("a </s> a")).toEqual(["a", "Ġ", "</s>", "Ġa"]);
    expect(tokens("<mask><mask>  <mask")).toEqual(["<mask>", "<mask>", "Ġ", "Ġ", "<", "m", "as", "k"]);
    expect(trained.encode("a <mask>").tokens).toEqual(["a", "Ġ", "<mask>"]);
  });

  test("are left out of decoded text on demand", () => {
    const { ids } = roberta.encode("the <mask> the");
    expect(roberta.decode(ids)).toBe("the the");
    expect(roberta.decode(ids, { skipSpecialTokens: false })).toBe("<s>the<mask> the</s>");
  });
});

describe("added tokens", () => {
  const json = roberta.toJSON();
  const add = (id: number, content: string, flags: object): void => {
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false };
    json.added_tokens.push({ id, content, ...plain, ...flags });
  };
  add(1000, "[X]", { rstrip: true });
  add(1001, "word", { single_word: true });
  add(1002, "two words", {});
  add(1003, "norm", { normalized: true });
  add(1004, "[X", {});
  add(1005, "__proto__", {});
  add(1006, "a.c", {});
  const tokenizer = ByteLevelBpeTokenizer.fromJSON(JSON.stringify(json));
  const added = (text: string): string[] =>
    tokenizer.encode(text, { addSpecialTokens: false }).tokens.filter((token) => tokenizer.tokenToId(token)! >= 1000);

  test("the longest at the leftmost place, whole words, flags and second pass", () => {
    expect(added("[X] [X")).toEqual(["[X]", "[X"]);
    expect(added("word words sword _word 日word é-word-")).toEqual(["word", "word"]);
    expect(added("two words")).toEqual(["two words"]);
    expect(added("[X]norm normal")).toEqual(["[X]", "norm", "norm"]);
    expect(added("__proto__ abc a.c")).toEqual(["__proto__", "a.c"]);
    expect(tokenizer.encode("[X] \n a", { addSpecialTokens: false }).tokens).toEqual(["[X]", "a"]);
    expect(tokenizer.vocabSize).toBe(1007);
    expect(tokenizer.decode(tokenizer.encodeToIds("a two words [X] b"))).toBe("a two words [X]b");
    expect(ByteLevelBpeTokenizer.fromJSON(tokenizer.toFiles()["tokenizer.json"]).toJSON()).toEqual(json);
  });
});

test("a prefix space goes before each part that has none", () => {
  const tokenizer = ByteLevelBpeTokenizer.fromFiles(golden("vocab.json"), golden("merges.txt"), {
    addPrefixSpace: true,
  });
  const tokens = (text: string): string[] => tokenizer.encode(text, { addSpecialTokens: false }).tokens;
  expect(tokens("the")).toEqual(["Ġthe"]);
  expect(tokens(" the")).toEqual(["Ġthe"]);
  expect(tokens("\nthe")).toEqual(["Ġ", "Ċ", "the"]);
  expect(tokens("the<mask>the")).toEqual(["Ġthe", "<mask>", "Ġthe"]);
  expect(tokens("")).toEqual([]);
});

describe("decoding", () => {
  const ids = (bytes: number[]): number[] => bytes.map((byte) => roberta.tokenToId(byteToChar[byte]!)!);

  // Right-hand sides by Hugging Face's tokenizers: one U+FFFD for each longest part of a character.
  test.each<[bytes: number[], text: string]>([
    [[0xc3, 0xa9], "é"],
    [[0xc3], "\ufffd"],
    [[0x61, 0xa9, 0x62], "a\ufffdb"],
    [[0xf0, 0x9f, 0x98], "\ufffd"],
    [[0xf0, 0x9f, 0x61], "\ufffda"],
    [[0xf0, 0x9f, 0x98, 0x80], "😀"],
    [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
    [[0xc0, 0x80], "\ufffd\ufffd"],
    [[0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
    [[0xff, 0xfe], "\ufffd\ufffd"],
    [[0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
    [[0xe2, 0x82, 0xe2, 0x82, 0xac], "\ufffd€"],
  ])("bytes %j", (bytes, text) => {
    expect(roberta.decode(ids(bytes))).toBe(text);
  });

  test("an id without a token is an error", () => {
    expect(() => roberta.decode([5, 1000])).toThrow(
      "decode: expected ids in 0 … 999 that have a token, got 1000 at 1; is it another vocabulary's?",
    );
    expect(() => roberta.decode([-1])).toThrow(/got -1 at 0/);
    expect(() => roberta.decode([0.5])).toThrow(/got 0.5 at 0/);
  });

  test("any text comes back; a lone surrogate as U+FFFD", () => {
    let seed = 3;
    for (let round = 0; round < 200; round++) {
      let text = "";
      for (let i = 0; i < 40; i++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        const code = [seed % 0x80, seed % 0xd800, 0xe000 + (seed % 0x2000), 0x10000 + (seed % 0x100000)][
          (seed >>> 20) % 4
        ]!;
        text += String.fromCodePoint(code);
      }
      expect(roberta.decode(roberta.encodeToIds(text), { skipSpecialTokens: false })).toBe(text);
    }
    expect(roberta.decode(roberta.encodeToIds("a\ud800b\udc00"))).toBe("a\ufffdb\ufffd");
  });
});

describe("truncation", () => {
  const A = "QQQQQQQQQQ";
  const B = "ZZZ";
  // Right-hand sides by Hugging Face's tokenizers.
  test.each<[first: string, pair: string | undefined, maxLength: number, kept: string]>([
    [A, undefined, 4, "QQQQ"],
    [A, undefined, 0, ""],
    [A, B, 7, "QQQQZZZ"],
    [A, B, 5, "QQQZZ"],
    [A, B, 1, "Q"],
    [B, A, 5, "ZZQQQ"],
    [B, A, 7, "ZZZQQQQ"],
    [A, A, 5, "QQQQQ"],
    [A, B, 13, A + B],
  ])("%s and %s in %i: %s", (first, pair, maxLength, kept) => {
    const options = { maxLength, addSpecialTokens: false, ...(pair === undefined ? {} : { pair }) };
    expect(roberta.encode(first, options).tokens.join("")).toBe(kept);
  });

  test("counts the special tokens, and can be asked of one text alone", () => {
    expect(roberta.encode(A, { maxLength: 5 }).tokens.join("")).toBe("<s>QQQ</s>");
    expect(roberta.encode(A, { pair: B, maxLength: 9, truncation: "onlyFirst" }).tokens.join("")).toBe(
      "<s>QQ</s></s>ZZZ</s>",
    );
    expect(roberta.encode(A, { pair: B, maxLength: 15, truncation: "onlySecond" }).tokens.join("")).toBe(
      `<s>${A}</s></s>Z</s>`,
    );
    expect(roberta.encode(A, { maxLength: 5, truncation: false }).ids).toHaveLength(12);
    expect(() => roberta.encode(A, { maxLength: 1 })).toThrow(
      "encode: expected maxLength ≥ 2, the tokens put around the text, got 1; raise it or pass addSpecialTokens: false",
    );
    expect(() => roberta.encode(A, { truncation: true })).toThrow(/expected maxLength with truncation, got none/);
    expect(() => roberta.encode(A, { maxLength: -1 })).toThrow(/an integer ≥ 0, got -1/);
    expect(() => roberta.encode(A, { pair: B, maxLength: 7, truncation: "onlySecond" })).toThrow(
      'encode: expected the second text to have more than the 10 ids that must go, got 3; use "longestFirst"',
    );
  });
});

describe("batches", () => {
  test("are padded on the right to the longest", () => {
    expect(roberta.encodeBatch(["Q", "QQQ", ["Q", "Z"]])).toEqual({
      inputIds: Int32Array.of(0, 53, 2, 1, 1, 1, 0, 53, 53, 53, 2, 1, 0, 53, 2, 2, 62, 2),
      attentionMask: Int32Array.of(1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1),
      tokenTypeIds: new Int32Array(18),
      shape: [3, 6],
    });
  });

  test("or to a multiple, or to maxLength", () => {
    expect(roberta.encodeBatch(["Q"], { padToMultipleOf: 8 }).shape).toEqual([1, 8]);
    expect(roberta.encodeBatch(["Q", "QQQQQQ"], { maxLength: 5 }).shape).toEqual([2, 5]);
    expect(roberta.encodeBatch(["Q"], { maxLength: 6, padding: "maxLength" }).attentionMask).toEqual(
      Int32Array.of(1, 1, 1, 0, 0, 0),
    );
    expect(roberta.encodeBatch([]).shape).toEqual([0, 0]);
    expect(() => roberta.encodeBatch(["Q"], { padding: "maxLength" })).toThrow(
      'encodeBatch: expected a maxLength ≥ 3 to pad to, got undefined; set maxLength or use padding: "longest"',
    );
    expect(() => roberta.encodeBatch(["Q"], { padToMultipleOf: 0 })).toThrow(/padToMultipleOf ≥ 1, got 0/);
  });
});

describe("bytes without a token", () => {
  const json = {
    ...trained.toJSON(),
    added_tokens: [],
    post_processor: null,
    model: { ...trained.toJSON().model, vocab: { a: 0, b: 1, ab: 2, "?": 3 }, merges: [["a", "b"]] },
  };

  test("are an error where the model has no unk_token", () => {
    const tokenizer = ByteLevelBpeTokenizer.fromJSON(json);
    expect(tokenizer.encode("ab").ids).toEqual([2]);
    expect(() => tokenizer.encode("abc")).toThrow(
      'encode: byte 99 ("c") has no token in the vocabulary and the model has no unk_token; train with the full byte alphabet',
    );
  });

  test("become the unk_token where it has one", () => {
    const tokenizer = ByteLevelBpeTokenizer.fromJSON({ ...json, model: { ...json.model, unk_token: "?" } });
    expect(tokenizer.encode("abxéab").ids).toEqual([2, 3, 3, 3, 2]);
  });
});

test("the cache of words does not change tokens when it is full", () => {
  const tokenizer = ByteLevelBpeTokenizer.fromJSON(golden("tokenizer.json"));
  const word = (n: number): string => ` ${n.toString(26).replace(/\d/g, (digit) => "qrstuvwxyz"[Number(digit)]!)}`;
  const first = Array.from({ length: 300 }, (_, n) => [...tokenizer.encodeToIds(word(n))]);
  for (let n = 0; n < 70_000; n++) tokenizer.encodeToIds(word(n));
  expect(Array.from({ length: 300 }, (_, n) => [...tokenizer.encodeToIds(word(n))])).toEqual(first);
});

describe("an added token is text, not bytes in disguise", () => {
  const withTokens = (contents: readonly string[], special = false): ByteLevelBpeTokenizer => {
    const json = trained.toJSON();
    const first = Object.keys(json.model.vocab).length;
    const added = contents.map((content, i) => ({
      id: first + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special,
    }));
    return ByteLevelBpeTokenizer.fromJSON({ ...json, added_tokens: [...json.added_tokens, ...added] });
  };

  test.each(["café", "čas", "đem", "x²", "½kg", "🙂", "日本", "Ġlow", "two words"])("%s comes back", (content) => {
    for (const special of [false, true]) {
      const tokenizer = withTokens([content], special);
      const text = `a ${content} b${content}`;
      const ids = tokenizer.encodeToIds(text);
      expect([...ids].filter((id) => tokenizer.idToToken(id) === content)).toHaveLength(2);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text);
    }
  });

  test("what merges make stands for bytes, though it is listed as an added token too", () => {
    const json = trained.toJSON();
    const [left, right] = json.model.merges!.find(([a, b]) => `${a}${b}`.startsWith("Ġ"))!;
    const id = trained.tokenToId(left + right)!;
    const [flags] = json.added_tokens;
    const listed = [...json.added_tokens, { ...flags!, id, content: left + right, special: false }];
    const tokenizer = ByteLevelBpeTokenizer.fromJSON({ ...json, added_tokens: listed });
    expect(tokenizer.decode([id])).toBe(` ${(left + right).slice(1)}`);
  });
});
