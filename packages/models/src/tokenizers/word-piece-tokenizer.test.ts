import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { trainWordPiece, trainWordPieceAsync } from "./train-word-piece.ts";
import { WordPieceTokenizer } from "./word-piece-tokenizer.ts";

const corpus = readFileSync(new URL("../../../../goldens/tokenizer/corpus.txt", import.meta.url), "utf8").split("\n");
const names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const vocabOf = (...tokens: string[]): Map<string, number> =>
  new Map([...names, ...tokens].map((token, id) => [token, id]));
const tokenizer = WordPieceTokenizer.fromVocab(
  vocabOf("un", "##aff", "##able", "want", "##ed", "run", "##ning", ",", "e", "中"),
);

describe("encoding", () => {
  const tokens = (text: string): string[] => tokenizer.encode(text, { addSpecialTokens: false }).tokens;

  test("takes the longest token that a word begins with; a word that does not come out even is unknown", () => {
    expect(tokens("unaffable")).toEqual(["un", "##aff", "##able"]);
    expect(tokens("UNwanted, running")).toEqual(["[UNK]", ",", "run", "##ning"]);
    expect(tokens("wanted wantedx")).toEqual(["want", "##ed", "[UNK]"]);
    expect(tokens(`want${"ed".repeat(48)} want${"ed".repeat(49)}`).at(-1)).toBe("[UNK]");
    expect(tokens(`want${"ed".repeat(48)}`)).toHaveLength(49);
  });

  test("cleans, strips accents, puts into lowercase, and takes ideographs one by one", () => {
    expect(tokens("É中中\u0000e\u00a0e")).toEqual(["e", "中", "中", "e", "e"]);
    const { offsets, wordIds } = tokenizer.encode("É中 wantEd", { addSpecialTokens: false });
    expect(offsets).toEqual([
      [0, 1],
      [1, 2],
      [3, 7],
      [7, 9],
    ]);
    expect(wordIds).toEqual([0, 1, 2, 2]);
  });

  test("puts [CLS] and [SEP] around one text and between two, and tells them apart", () => {
    const { tokens, tokenTypeIds, sequenceIds, offsets } = tokenizer.encode("want", { pair: "run" });
    expect(tokens).toEqual(["[CLS]", "want", "[SEP]", "run", "[SEP]"]);
    expect(tokenTypeIds).toEqual([0, 0, 0, 1, 1]);
    expect(sequenceIds).toEqual([null, 0, null, 1, null]);
    expect(offsets).toEqual([
      [0, 0],
      [0, 4],
      [0, 0],
      [0, 3],
      [0, 0],
    ]);
  });

  test("cuts and pads on the side that is asked for", () => {
    const { tokens } = tokenizer.encode("run want e", { maxLength: 4, truncationSide: "left" });
    expect(tokens).toEqual(["[CLS]", "want", "e", "[SEP]"]);
    const batch = tokenizer.encodeBatch(["e", ["e", "run e"]], { paddingSide: "left", padToMultipleOf: undefined });
    expect(batch.shape).toEqual([2, 6]);
    expect([...batch.attentionMask]).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect([...batch.tokenTypeIds].slice(6)).toEqual([0, 0, 0, 1, 1, 1]);
    expect([...batch.inputIds].slice(0, 3)).toEqual([0, 0, 0]);
  });

  test("cuts a text that is too long into windows that overlap, each with the whole other text", () => {
    const tokens = (encodings: { tokens: string[] }[]): string[] => encodings.map(({ tokens }) => tokens.join(" "));
    // Windows by Hugging Face's tokenizers.
    expect(tokens(tokenizer.encodeWindows("e run want e run", { maxLength: 5, stride: 1 }))).toEqual([
      "[CLS] e run want [SEP]",
      "[CLS] want e run [SEP]",
    ]);
    expect(tokens(tokenizer.encodeWindows("run", { pair: "e want e , e", maxLength: 6 }))).toEqual([
      "[CLS] run [SEP] e want [SEP]",
      "[CLS] run [SEP] e , [SEP]",
      "[CLS] run [SEP] e [SEP]",
    ]);
    const windows = tokenizer.encodeWindows("e want run", {
      pair: "e",
      maxLength: 6,
      stride: 1,
      truncation: "onlyFirst",
    });
    expect(tokens(windows)).toEqual(["[CLS] e want [SEP] e [SEP]", "[CLS] want run [SEP] e [SEP]"]);
    expect(windows[1]!.offsets).toEqual([
      [0, 0],
      [2, 6],
      [7, 10],
      [0, 0],
      [0, 1],
      [0, 0],
    ]);
    expect(tokens(tokenizer.encodeWindows("", { maxLength: 5 }))).toEqual(["[CLS] [SEP]"]);
    expect(() => tokenizer.encodeWindows("e", { maxLength: 4, stride: 2 })).toThrow(
      "encodeWindows: expected room for more than stride = 2 ids of the first text, got a maxLength of 4, which leaves 2",
    );
    expect(() => tokenizer.encodeWindows("e", { maxLength: 9, truncation: "onlySecond" })).toThrow(/got no such text/);
  });

  test("decodes to text with spaces, and none before punctuation", () => {
    const { ids } = tokenizer.encode("wanted, unaffable");
    expect(tokenizer.decode(ids)).toBe("wanted, unaffable");
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe("[CLS] wanted, unaffable [SEP]");
  });
});

describe("files", () => {
  test("go out and come in, vocab.txt with them", () => {
    const files = tokenizer.toFiles();
    expect(WordPieceTokenizer.fromJSON(files["tokenizer.json"]).toFiles()).toEqual(files);
    expect(WordPieceTokenizer.fromFiles(files["vocab.txt"]!).toFiles()).toEqual(files);
    expect(tokenizer.padTokenId).toBe(0);
    expect(tokenizer.unkTokenId).toBe(1);
    expect(tokenizer.maskToken).toBe("[MASK]");
  });

  test("with holes in the ids have no vocab.txt, and the rows of an embedding go on to the last id", () => {
    const json = tokenizer.toJSON();
    json.model.vocab.far = 1000;
    const holed = WordPieceTokenizer.fromJSON(json);
    expect(holed.vocabSize).toBe(1001);
    expect(Object.keys(holed.toFiles())).toEqual(["tokenizer.json"]);
    expect(holed.encode("far", { addSpecialTokens: false }).ids).toEqual([1000]);
    expect(() => holed.decode([500])).toThrow("decode: expected ids in 0 … 1000 that have a token, got 500 at 0");
  });

  test.each<[string, () => unknown, string]>([
    [
      "a token that stands twice",
      () => WordPieceTokenizer.fromFiles("a\nb\na\n"),
      "vocab.txt: line 3: expected a token that is not there yet (see line 1)",
    ],
    ["no special tokens", () => WordPieceTokenizer.fromFiles("a\nb\n"), 'vocab: expected the special token "[PAD]"'],
    [
      "a BPE",
      () => WordPieceTokenizer.fromJSON({ model: { type: "BPE", vocab: {}, merges: [] } }),
      'model.type: expected "WordPiece", got "BPE"',
    ],
  ])("%s: refused", (_, read, message) => expect(read).toThrow(message));
});

describe("training", () => {
  test("joins the most frequent pair, and marks what continues a word", () => {
    const vocab = trainWordPiece(["low low low lower lower newest"], { vocabSize: 24, minFrequency: 2 });
    const learned = [...vocab.keys()].slice(names.length);
    // Characters by their codes, then those that continue a word, then what was joined: (l, ##o) 5 times, (lo, ##w) 5, (##e, ##r) 2.
    expect(learned).toEqual([
      "e",
      "l",
      "n",
      "o",
      "r",
      "s",
      "t",
      "w",
      "##e",
      "##o",
      "##r",
      "##s",
      "##t",
      "##w",
      "lo",
      "low",
      "##er",
      "lower",
    ]);
  });

  test("every word of the corpus comes out of its tokens again", () => {
    const trained = WordPieceTokenizer.fromVocab(trainWordPiece(corpus, { vocabSize: 800 }));
    expect(trained.vocabSize).toBe(800);
    const text = corpus.slice(0, 40).join(" ");
    const { tokens } = trained.encode(text, { addSpecialTokens: false });
    expect(tokens).not.toContain("[UNK]");
    expect(tokens.join(" ").replaceAll(" ##", "").replaceAll(" ", "")).toBe(text.toLowerCase().replace(/\s+/g, ""));
    const letters = [...text.toLowerCase().replace(/\s+/g, "")].length;
    expect(tokens.length).toBeLessThan(0.6 * letters);
  });

  test("a limited alphabet leaves the rare characters out, and the initial one is always in", () => {
    const vocab = trainWordPiece(["aaa bbb c"], { vocabSize: 60, limitAlphabet: 3, initialAlphabet: ["é"] });
    expect(vocab.has("é")).toBe(true);
    expect(vocab.has("c")).toBe(false);
  });

  test("pauses, reports, stops, and gives the same vocabulary", async () => {
    const seen: number[] = [];
    const options = { vocabSize: 700, onProgress: ({ tokens }: { tokens: number }) => void seen.push(tokens) };
    expect(await trainWordPieceAsync(corpus, options)).toEqual(trainWordPiece(corpus, options));
    expect(seen.at(-1)).toBe(700);
    expect(() => trainWordPiece(corpus, { vocabSize: 700, shouldStop: () => true })).toThrow(
      /trainWordPiece: expected 700 tokens, stopped at/,
    );
    expect(() => trainWordPiece([], { vocabSize: 700 })).toThrow(/expected text to learn from/);
    expect(() => trainWordPiece(["abc"], { vocabSize: 9 })).toThrow("expected a whole vocabSize ≥ 10");
  });
});
