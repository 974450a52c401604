import { RobertaConfig, RobertaForMaskedLM } from "@tessera/models/roberta";
import { ByteLevelBpeTokenizer, trainBpe } from "@tessera/models/tokenizers";
import { Generator, memory, mul, scope } from "@tessera/tensor";
import { expect, test } from "vitest";
import { findLookingHead, readAttention } from "./read-attention.ts";
import { measureFrequencies } from "./token-frequencies.ts";

const tokenizer = ByteLevelBpeTokenizer.fromModel(
  trainBpe(["a bird eats seeds", "a cat eats birds"], { vocabSize: 300 }),
);

test("reads every head's weights, whose rows sum to 1, and leaves nothing behind", async () => {
  const before = memory()["cpu"] ?? { tensors: 0, storages: 0 };
  const model = new RobertaForMaskedLM(
    new RobertaConfig({
      vocabSize: tokenizer.vocabSize,
      hiddenSize: 16,
      numHiddenLayers: 2,
      numAttentionHeads: 2,
      intermediateSize: 16,
      initializerRange: 1,
    }),
    { generator: new Generator(2) },
  );
  const heads = await readAttention(model, tokenizer, "a <mask> eats seeds");
  expect(heads.map(({ layer, head }) => [layer, head])).toEqual([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  for (const { tokens, weights } of heads) {
    expect(tokens.slice(0, 3)).toEqual(["<s>", "a", "<mask>"]);
    expect(weights).toHaveLength(tokens.length);
    for (const row of weights) expect(row.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
  }
  expect(Math.max(...heads[0]!.weights.flat())).toBeGreaterThan(0.5);
  // Without queries a head looks everywhere alike.
  const { query } = [...model.roberta.encoder.layer][0]!.attention.self;
  const weight = query.namedParameters().get("weight")!;
  scope((): void => weight.assign(mul(weight, 0)));
  const even = await readAttention(model, tokenizer, "a <mask> eats seeds");
  for (const row of even[0]!.weights) for (const share of row) expect(share).toBeCloseTo(1 / row.length, 5);
  model.dispose();
  expect(memory()["cpu"]).toMatchObject({ tensors: before.tensors, storages: before.storages });
});

test("the head that looks most at one other word is found; looks at oneself and at the ends do not count", () => {
  const tokens = ["<s>", "a", "b", "</s>"];
  const head = (rows: number[][]) => ({ layer: 0, head: 0, tokens, weights: [[1, 0, 0, 0], ...rows, [0, 0, 0, 1]] });
  const self = head([
    [0, 1, 0, 0],
    [0, 0, 1, 0],
  ]);
  const ends = head([
    [1, 0, 0, 0],
    [0, 0, 0, 1],
  ]);
  const other = head([
    [0.2, 0.2, 0.6, 0],
    [0, 0.6, 0.4, 0],
  ]);
  expect(findLookingHead([self, ends, other])).toBe(other);
});

test("frequencies are those of the training part, tested on the held-out one", () => {
  const [a, b] = [10, 11];
  const { bosTokenId, eosTokenId, vocabSize, specialTokenIds } = tokenizer;
  const blocks = (...ids: number[]) => ({
    ids: Int32Array.from([bosTokenId, ...ids, eosTokenId]),
    count: 1,
    length: ids.length + 2,
    dropped: 0,
  });
  const { loss, accuracy, guesses } = measureFrequencies(
    { train: blocks(a, a, a, b), heldOut: blocks(a, b, b, b) },
    tokenizer,
    2,
  );
  const total = 4 + vocabSize - specialTokenIds.size;
  expect(accuracy).toBe(1 / 4);
  expect(loss).toBeCloseTo(-(Math.log(4 / total) + 3 * Math.log(2 / total)) / 4, 10);
  expect(guesses).toEqual([
    { token: tokenizer.decode([a]), probability: 4 / total },
    { token: tokenizer.decode([b]), probability: 2 / total },
  ]);
});
