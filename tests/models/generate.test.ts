// Generation against what its options mean; that it equals Hugging Face's is in goldens.test.ts.
import {
  generate,
  generateStream,
  GPT2Config,
  GPT2LMHeadModel,
  LlamaConfig,
  LlamaForCausalLM,
  type CausalLMInputs,
  type GenerateOptions,
  type GenerativeModel,
  type PlainInputs,
} from "@tessera/models";
import { Module } from "@tessera/nn";
import {
  ArgumentError,
  defaultGenerator,
  embedding,
  Generator,
  memory,
  Parameter,
  tensor,
  TesseraError,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

/** The next token's scores follow from the last token alone: a row of a table. */
class Bigram extends Module {
  readonly table: Parameter; // [vocab, vocab]
  /** Shapes of the ids that came. */
  readonly seen: (readonly number[])[] = [];
  readonly config: { readonly eosTokenId?: number };

  constructor(rows: readonly (readonly number[])[], config: { readonly eosTokenId?: number } = {}) {
    super();
    this.table = new Parameter(tensor(Float32Array.from(rows.flat()), [rows.length, rows.length]));
    this.config = config;
  }

  forward({ inputIds }: PlainInputs): { logits: Tensor } {
    this.seen.push(inputIds.shape);
    return { logits: embedding(inputIds, this.table) };
  }
}

/** Rows of log-probabilities, drawn once. */
const bigram = (vocab: number, seed: number, config?: { readonly eosTokenId?: number }): Bigram => {
  let state = seed;
  const next = (): number => (state = (state * 16807) % 2147483647) / 2147483647;
  return new Bigram(
    Array.from({ length: vocab }, () => Array.from({ length: vocab }, () => 3 * next())),
    config,
  );
};

const row = (model: Bigram, token: number): number[] => {
  const vocab = model.table.size(0);
  return [...model.table.dataSync()].slice(token * vocab, (token + 1) * vocab);
};
const softmax = (scores: readonly number[]): number[] => {
  const e = scores.map((score) => Math.exp(score));
  const total = e.reduce((a, b) => a + b);
  return e.map((value) => value / total);
};

describe("greedy", () => {
  it("takes the likeliest token, ends at the token that ends a text, and keeps it", () =>
    withoutLeaks(async () => {
      // 0 → 1 → 2 → 3 → 0
      using model = new Bigram(
        Array.from({ length: 4 }, (_, i) => Array.from({ length: 4 }, (_, j) => Number(j === (i + 1) % 4))),
      );
      expect(await generate(model, [0], { maxNewTokens: 6 })).toEqual([[0, 1, 2, 3, 0, 1, 2]]);
      expect(await generate(model, [0], { maxNewTokens: 6, eosTokenId: 3 })).toEqual([[0, 1, 2, 3]]);
      expect(await generate(model, [0], { maxNewTokens: 6, eosTokenId: [3, 2] })).toEqual([[0, 1, 2]]);
      expect(await generate(model, [0], { maxNewTokens: 6, eosTokenId: 3, minNewTokens: 4 })).toHaveProperty(
        [0, "length"],
        7,
      );
      expect(await generate(model, [0])).toHaveProperty([0, "length"], 21);
    }));
  it("takes that token from the configuration, and none where it is told so", () =>
    withoutLeaks(async () => {
      using model = new Bigram(
        [
          [0, 1],
          [0, 1],
        ],
        { eosTokenId: 1 },
      );
      expect(await generate(model, [0], { maxNewTokens: 3 })).toEqual([[0, 1]]);
      expect(await generate(model, [0], { maxNewTokens: 3, eosTokenId: null })).toEqual([[0, 1, 1, 1]]);
    }));
  it("continues prompts of several lengths, in groups of one length, and drops those that ended", () =>
    withoutLeaks(async () => {
      using model = bigram(7, 5, { eosTokenId: 0 });
      const prompts = [[1], [2, 3], [4], [5, 6, 1], [6]];
      const alone = [];
      for (const prompt of prompts) alone.push(...(await generate(model, prompt, { maxNewTokens: 9 })));
      model.seen.length = 0;
      expect(await generate(model, prompts, { maxNewTokens: 9 })).toEqual(alone);
      expect(model.seen[0]).toEqual([3, 1]);
      const longest = Math.max(...alone.map((ids, i) => ids.length - prompts[i]!.length));
      expect(model.seen.length).toBeLessThanOrEqual(3 * longest);
    }));
  it("penalises what is in the text, and repeats no sequence of tokens that is forbidden", () =>
    withoutLeaks(async () => {
      using model = new Bigram(Array.from({ length: 3 }, () => [2, 1.5, -1]));
      expect(await generate(model, [0], { maxNewTokens: 3 })).toEqual([[0, 0, 0, 0]]);
      // 2 / 1.6 < 1.5, then both are penalised.
      expect(await generate(model, [0], { maxNewTokens: 2, repetitionPenalty: 1.6 })).toEqual([[0, 1, 0]]);
      expect(await generate(model, [0], { maxNewTokens: 4, noRepeatNgramSize: 2 })).toEqual([[0, 0, 1, 0, 2]]);
      expect(await generate(model, [0], { maxNewTokens: 2, noRepeatNgramSize: 1 })).toEqual([[0, 1, 2]]);
      const only2 = (_: readonly number[], scores: Float32Array): void => void scores.fill(-Infinity, 0, 2);
      expect(await generate(model, [0], { maxNewTokens: 2, logitsProcessors: [only2] })).toEqual([[0, 2, 2]]);
    }));
  it("leaves the default generator alone", async () => {
    using model = bigram(4, 1);
    const before = defaultGenerator.state();
    await generate(model, [0], { maxNewTokens: 2 });
    await generate(model, [0], { maxNewTokens: 2, numBeams: 2 });
    expect(defaultGenerator.state()).toEqual(before);
  });
});

describe("sampling", () => {
  const draws = 3000;
  /** How often each token was drawn after token 0. */
  const shares = async (model: Bigram, options: GenerateOptions): Promise<number[]> => {
    const all = await generate(model, [0], {
      maxNewTokens: 1,
      doSample: true,
      numReturnSequences: draws,
      generator: new Generator(3),
      ...options,
    });
    const counts = new Array<number>(model.table.size(0)).fill(0);
    for (const ids of all) counts[ids[1]!]!++;
    return counts.map((count) => count / draws);
  };
  /** Within five standard deviations, and never where nothing is expected. */
  const near = (got: readonly number[], want: readonly number[]): void => {
    for (const [i, p] of want.entries()) {
      if (p === 0) expect(got[i], `token ${i}`).toBe(0);
      else expect(Math.abs(got[i]! - p), `token ${i}`).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / draws));
    }
  };
  /** The probabilities of some tokens alone. */
  const among = (p: readonly number[], keep: (p: number) => boolean): number[] => {
    const kept = p.map((value) => (keep(value) ? value : 0));
    const total = kept.reduce((a, b) => a + b);
    return kept.map((value) => value / total);
  };

  it("draws by the probabilities, sharper with a temperature below 1", () =>
    withoutLeaks(async () => {
      using model = bigram(6, 9);
      const scores = row(model, 0);
      near(await shares(model, {}), softmax(scores));
      near(await shares(model, { temperature: 0.5 }), softmax(scores.map((score) => score / 0.5)));
    }));
  it("draws among the tokens that topK, topP and minP leave", () =>
    withoutLeaks(async () => {
      using model = bigram(6, 9);
      const p = softmax(row(model, 0));
      const sorted = [...p].sort((a, b) => b - a);
      near(
        await shares(model, { topK: 2 }),
        among(p, (value) => value >= sorted[1]!),
      );
      // The first tokens whose sum reaches topP: two of them reach a bit less than the sum of two, three what is above.
      const two = sorted[0]! + sorted[1]!;
      near(
        await shares(model, { topP: two - 1e-3 }),
        among(p, (value) => value >= sorted[1]!),
      );
      near(
        await shares(model, { topP: two + 1e-3 }),
        among(p, (value) => value >= sorted[2]!),
      );
      near(
        await shares(model, { topP: 1e-6 }),
        among(p, (value) => value >= sorted[0]!),
      );
      const minP = (sorted[3]! + sorted[2]!) / 2 / sorted[0]!;
      near(
        await shares(model, { minP }),
        among(p, (value) => value >= sorted[2]!),
      );
    }));
  it("is the same again with the same seed, and another with another", async () => {
    using model = bigram(8, 2);
    const draw = (seed: number) =>
      generate(model, [0], { doSample: true, maxNewTokens: 30, generator: new Generator(seed) });
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
  });
  it("with beams draws continuations without replacement", () =>
    withoutLeaks(async () => {
      using model = bigram(6, 9);
      const found = await generate(model, [0], {
        doSample: true,
        numBeams: 3,
        numReturnSequences: 3,
        maxNewTokens: 4,
        generator: new Generator(5),
      });
      expect(new Set(found.map((ids) => ids.join())).size).toBe(3);
    }));
});

describe("beams", () => {
  /** The best texts of all, by the score of beams. */
  const exhaustive = (
    model: Bigram,
    steps: number,
    eos: number | null,
    lengthPenalty: number,
  ): (readonly number[])[] => {
    const done: { ids: readonly number[]; score: number }[] = [];
    const grow = (ids: readonly number[], score: number): void => {
      const added = ids.length - 1;
      if (added === steps || (added > 0 && ids.at(-1) === eos))
        done.push({ ids, score: score / added ** lengthPenalty });
      else
        for (const [token, p] of softmax(row(model, ids.at(-1)!)).entries()) grow([...ids, token], score + Math.log(p));
    };
    grow([0], 0);
    return done.sort((a, b) => b.score - a.score).map(({ ids }) => ids);
  };
  it.each([1, 0, 2])(
    "so many that nothing is lost find the best texts of all, with a length penalty of %d",
    (lengthPenalty) =>
      withoutLeaks(async () => {
        using model = bigram(4, 21);
        for (const eosTokenId of [null, 3]) {
          const best = exhaustive(model, 4, eosTokenId, lengthPenalty);
          const options = {
            numBeams: 64,
            numReturnSequences: 5,
            maxNewTokens: 4,
            eosTokenId,
            lengthPenalty,
            earlyStopping: "never",
          } as const;
          expect(await generate(model, [0], options)).toEqual(best.slice(0, 5));
        }
      }),
  );
  it("of several prompts are followed together", () =>
    withoutLeaks(async () => {
      using model = bigram(9, 4, { eosTokenId: 8 });
      const prompts = [[1, 2], [3], [4, 5], [8, 0]];
      const options = { numBeams: 3, numReturnSequences: 2, maxNewTokens: 7 };
      const alone = [];
      for (const prompt of prompts) alone.push(...(await generate(model, prompt, options)));
      expect(await generate(model, prompts, options)).toEqual(alone);
    }));
  it("stop early when they are told to", () =>
    withoutLeaks(async () => {
      using model = bigram(5, 3, { eosTokenId: 1 });
      model.seen.length = 0;
      await generate(model, [0], { numBeams: 2, maxNewTokens: 40, earlyStopping: true });
      const early = model.seen.length;
      model.seen.length = 0;
      await generate(model, [0], { numBeams: 2, maxNewTokens: 40, earlyStopping: "never", lengthPenalty: 0 });
      expect(early).toBeLessThanOrEqual(model.seen.length);
      expect(early).toBeLessThan(40);
    }));
});

describe("a stream", () => {
  const config = new GPT2Config({
    vocabSize: 40,
    nEmbd: 16,
    nHead: 2,
    nLayer: 2,
    nPositions: 24,
    eosTokenId: 39,
    initializerRange: 0.3,
  });
  it("yields the tokens of generate, one after the other", () =>
    withoutLeaks(async () => {
      using model = new GPT2LMHeadModel(config, { generator: new Generator(1) }).eval();
      const options = { maxNewTokens: 12, doSample: true };
      const ids = [7, 8];
      for await (const id of generateStream(model, [7, 8], { ...options, generator: new Generator(4) })) ids.push(id);
      expect([ids]).toEqual(await generate(model, [7, 8], { ...options, generator: new Generator(4) }));
    }));
  it("frees its cache when the loop is left, when it is aborted, and when the model has no more positions", () =>
    withoutLeaks(async () => {
      using model = new GPT2LMHeadModel(config, { generator: new Generator(1) }).eval();
      const before = memory()["cpu"]!.tensors;
      for await (const id of generateStream(model, [1], { eosTokenId: null })) if (id >= 0) break;
      expect(memory()["cpu"]!.tensors).toBe(before);
      const controller = new AbortController();
      const reason = new Error("enough");
      const read = async (): Promise<void> => {
        for await (const id of generateStream(model, [1], { signal: controller.signal, eosTokenId: null }))
          if (id >= 0) controller.abort(reason);
      };
      await expect(read()).rejects.toBe(reason);
      expect(memory()["cpu"]!.tensors).toBe(before);
      await expect(generate(model, [1], { maxNewTokens: 30, eosTokenId: null })).rejects.toThrow(
        /GPT2Model: expected at most 24 tokens \(nPositions\), got 25; shorten the text/,
      );
      expect(memory()["cpu"]!.tensors).toBe(before);
    }));
});

describe("the cache", () => {
  const llama = new LlamaConfig({
    vocabSize: 40,
    hiddenSize: 16,
    intermediateSize: 24,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    maxPositionEmbeddings: 32,
    initializerRange: 0.3,
  });
  it("gives the model the new tokens alone", () =>
    withoutLeaks(async () => {
      using model = new LlamaForCausalLM(llama, { generator: new Generator(2) }).eval();
      const shapes: string[] = [];
      const stop = model.registerForwardPreHook((_, [inputs]) => {
        const { inputIds, logitsToKeep } = inputs as CausalLMInputs;
        shapes.push(`${inputIds.shape.join("×")} ${logitsToKeep}`);
      });
      await generate(model, [5, 6, 7], { maxNewTokens: 4, eosTokenId: null });
      expect(shapes).toEqual(["1×3 1", "1×1 1", "1×1 1", "1×1 1"]);
      stop();
    }));
  it("changes no token, with padding on the left and beams too", () =>
    withoutLeaks(async () => {
      using model = new LlamaForCausalLM(llama, { generator: new Generator(2) }).eval();
      const prompts = [[5, 6, 7, 8], [9], [10, 11]];
      for (const options of [{}, { numBeams: 3 }, { doSample: true, numReturnSequences: 2 }]) {
        const run = (useCache: boolean) =>
          generate(model, prompts, { ...options, maxNewTokens: 8, useCache, generator: new Generator(6) });
        expect(await run(true)).toEqual(await run(false));
      }
    }));
});

describe("errors", () => {
  const refused: [GenerateOptions, RegExp][] = [
    [{ maxNewTokens: 0 }, /generate: expected maxNewTokens to be a whole number ≥ 1, got 0/],
    [{ temperature: 0 }, /generate: expected temperature to be a number > 0, got 0/],
    [{ topP: 0 }, /generate: expected topP to be in \(0, 1\], got 0/],
    [{ minP: 2 }, /generate: expected minP to be in \[0, 1\], got 2/],
    [{ topK: -1 }, /generate: expected topK to be a whole number ≥ 0, got -1/],
    [{ numBeams: 1.5 }, /generate: expected numBeams to be a whole number ≥ 1, got 1.5/],
    [
      { numReturnSequences: 2 },
      /numReturnSequences to be 1 without doSample and numBeams, as all texts would be alike, got 2/,
    ],
    [{ numBeams: 2, numReturnSequences: 3 }, /numReturnSequences to be at most numBeams \(2\), got 3/],
  ];
  it.each(refused)("%o is refused", async (options, message) => {
    using model: Bigram & GenerativeModel = bigram(3, 1);
    const error = await generate(model, [0], options).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ArgumentError);
    expect(String(error)).toMatch(message);
  });
  it("an empty prompt, and a stream with beams", async () => {
    using model = bigram(3, 1);
    for (const prompts of [[], [[]], [[1], []]])
      await expect(generate(model, prompts)).rejects.toThrow(/expected prompts of at least one token each/);
    await expect(generateStream(model, [1], { numBeams: 2 }).next()).rejects.toThrow(
      /generateStream: expected numBeams 1, got 2; beams know their tokens only at the end, use generate/,
    );
  });
  it("scores from which no token can be chosen", async () => {
    using broken = new Bigram([
      [NaN, 1],
      [NaN, 1],
    ]);
    for (const options of [{}, { doSample: true }, { numBeams: 2 }]) {
      const error = await generate(broken, [0], options).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(TesseraError);
      expect(String(error)).toMatch(/generate: expected a token that may come next, got scores that are all -∞ or NaN/);
    }
  });
});
