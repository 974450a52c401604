import { describe, expect, test } from "vitest";
import { CausalCollator } from "./causal-collator.ts";
import { ImageCollator } from "./image-collator.ts";
import { MlmCollator, wordStarts } from "./mlm-collator.ts";
import { SeededRandom } from "./seeded-random.ts";
import { packCausalBlocks } from "./token-blocks.ts";

describe("whole words", () => {
  const names = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c", "##d", "e", "##f"];
  const tokenizer = { vocabSize: names.length, idToToken: (id: number) => names[id] };
  const starts = wordStarts(tokenizer);
  const collator = new MlmCollator({
    maskTokenId: 3,
    padTokenId: 0,
    vocabSize: names.length,
    specialTokenIds: new Set([0, 1, 2, 3]),
    maskProbability: 0.4,
    wordStarts: starts,
  });
  const row = [1, 4, 5, 6, 7, 8, 9, 4, 4, 5, 6, 2];
  const words = [[1], [2, 3, 4], [5, 6], [7], [8], [9, 10]];

  test("begin where the vocabulary says", () => {
    expect([...starts]).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 1, 0]);
    const bpe = ["<s>", "a", "Ġa", "Ċ", "b"];
    expect([...wordStarts({ vocabSize: 5, idToToken: (id) => bpe[id] })]).toEqual([0, 0, 1, 1, 0]);
    expect(() => wordStarts({ vocabSize: 2, idToToken: () => "x" })).toThrow(
      /expected tokens that begin with "##", "Ġ" or "▁"/,
    );
  });

  test("are masked as a whole, all their tokens alike, and no more than their share", () => {
    const chosen = new Set<string>();
    let masked = 0;
    for (let seed = 0; seed < 400; seed++) {
      const { inputIds, labels, labelPositions, positionLabels } = collator.collate([row], new SeededRandom(seed));
      const positions = row.flatMap((_, i) => (labels[i] === -100 ? [] : [i]));
      masked += positions.length;
      expect(positions.length).toBeLessThanOrEqual(Math.ceil(0.4 * row.length));
      expect([...labelPositions].slice(0, positions.length)).toEqual(positions);
      expect([...positionLabels].slice(0, positions.length)).toEqual(positions.map((i) => row[i]));
      for (const word of words) {
        const told = word.filter((i) => labels[i] !== -100);
        expect([0, word.length]).toContain(told.length);
        if (told.length === 0) continue;
        chosen.add(word.join());
        const isMasked = told.filter((i) => inputIds[i] === 3).length;
        expect([0, word.length]).toContain(isMasked);
      }
    }
    expect(chosen.size).toBe(words.length);
    // Ten tokens, of which 40 % are told at most; a word that does not fit costs some.
    expect(masked / 400).toBeGreaterThan(3);
  });
});

describe("causal blocks", () => {
  test("run through all texts, and leave out the rest", () => {
    const blocks = packCausalBlocks([[1, 2, 3], [], [4, 5]], { length: 3, eosTokenId: 9 });
    expect(blocks).toEqual({ ids: Int32Array.of(1, 2, 3, 9, 4, 5), count: 2, length: 3, dropped: 1 });
    expect(packCausalBlocks([[1, 2], [3]], { length: 3 }).ids).toEqual(Int32Array.of(1, 2, 3));
    expect(() => packCausalBlocks([[1]], { length: 2 })).toThrow("expected at least 2 ids for a block, got 1");
    expect(() => packCausalBlocks([[1]], { length: 1 })).toThrow("expected a length ≥ 2, got 1");
  });

  test("have their inputs as labels, but for padding", () => {
    const { inputIds, labels, shape } = new CausalCollator({ padTokenId: 9 }).collate([[1, 9, 2], [3]]);
    expect(shape).toEqual([2, 3]);
    expect(inputIds).toEqual(Int32Array.of(1, 9, 2, 3, 9, 9));
    expect(labels).toEqual(Int32Array.of(1, 9, 2, 3, -100, -100));
  });
});

describe("images", () => {
  test("lie channel by channel, scaled and normalised", () => {
    const options = { height: 1, width: 2, mean: [0.5, 0, 0], std: [0.5, 1, 2], scale: undefined };
    const pixels = Uint8Array.of(0, 51, 102, 255, 255, 255);
    const { pixelValues, labels, shape } = new ImageCollator(options).collate([{ pixels, label: 4 }]);
    expect(shape).toEqual([1, 3, 1, 2]);
    expect(labels).toEqual(Int32Array.of(4));
    [-1, 1, 0.2, 1, 0.2, 0.5].forEach((value, i) => expect(pixelValues[i]).toBeCloseTo(value, 6));
    const planes = new ImageCollator({ ...options, layout: "chw" }).collate([
      { pixels: Uint8Array.of(0, 255, 51, 255, 102, 255), label: 0 },
    ]);
    expect(planes.pixelValues).toEqual(pixelValues);
  });

  test("of another size, and options that make no sense, are refused", () => {
    const collator = new ImageCollator({ height: 2, width: 2, channels: 1 });
    expect(() => collator.collate([])).toThrow("expected at least one image");
    expect(() => collator.collate([{ pixels: [1, 2, 3], label: 0 }])).toThrow(
      "expected images of 1 × 2 × 2 = 4 values, got 3 at 0",
    );
    expect(() => collator.collate([{ pixels: [1, 2, 3, 4], label: -1 }])).toThrow("whole numbers ≥ 0, got -1 at 0");
    expect(() => new ImageCollator({ height: 0, width: 2 })).toThrow("height to be a whole number ≥ 1, got 0");
    expect(() => new ImageCollator({ height: 1, width: 2, mean: [1] })).toThrow("mean of 3 channels, got 1");
    expect(() => new ImageCollator({ height: 1, width: 2, channels: 1, std: [0] })).toThrow("expected std > 0, got 0");
  });
});
