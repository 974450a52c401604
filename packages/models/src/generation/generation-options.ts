import type { Generator } from "@tessera/tensor";
import { ArgumentError } from "@tessera/tensor";
import type { LogitsProcessor } from "./logits-processors.ts";

/** How a text goes on, by Hugging Face's names in camelCase and with their defaults, but for `maxNewTokens`. */
export interface GenerateOptions {
  /** At most so many tokens are added; 20 by default. */
  readonly maxNewTokens?: number | undefined;
  /** Before so many are there, no token that ends the text may come; 0 by default. */
  readonly minNewTokens?: number | undefined;
  /** A token after which a text ends, or several; the configuration's by default, and none with `null`. */
  readonly eosTokenId?: number | readonly number[] | null | undefined;
  /** Whether tokens are drawn by their probabilities; by default each is the likeliest. */
  readonly doSample?: boolean | undefined;
  /** Divides the logits before drawing: below 1 the likely tokens become likelier; 1 by default. */
  readonly temperature?: number | undefined;
  /** Draws among so many of the likeliest tokens; 50 by default, and all with 0. */
  readonly topK?: number | undefined;
  /** Draws among the fewest tokens whose probabilities add up to this; 1, all of them, by default. */
  readonly topP?: number | undefined;
  /** Draws among the tokens that are at least so likely, as a share of the likeliest; 0 by default. */
  readonly minP?: number | undefined;
  /** How many texts are followed side by side, of which the likeliest as a whole wins; 1 by default. */
  readonly numBeams?: number | undefined;
  /** The score of a beam is its log-probability / (new tokens)^lengthPenalty: above 0 favours long texts; 1 by default. */
  readonly lengthPenalty?: number | undefined;
  /**
   * When beams stop: `true` as soon as `numBeams` texts have ended, `false` (default) when those that go on are unlikely to become better,
   * `"never"` when they cannot.
   */
  readonly earlyStopping?: boolean | "never" | undefined;
  /** Divides the positive logits of tokens that are in the text, and multiplies the negative ones; 1, nothing, by default. */
  readonly repetitionPenalty?: number | undefined;
  /** No sequence of so many tokens comes twice; 0, any may, by default. */
  readonly noRepeatNgramSize?: number | undefined;
  /** So many texts for each prompt: drawn ones, or the best beams; 1 by default. */
  readonly numReturnSequences?: number | undefined;
  /** Change the logits after those above and before those of sampling: `(ids, logits) => void`. */
  readonly logitsProcessors?: readonly LogitsProcessor[] | undefined;
  /** Whether keys and values of tokens are kept; they are, unless this says no. For comparisons. */
  readonly useCache?: boolean | undefined;
  /** Draws the tokens; the default generator otherwise. */
  readonly generator?: Generator | undefined;
  /** Ends the generation: it rejects with the signal's reason, and frees what it holds. */
  readonly signal?: AbortSignal | undefined;
}

/** All options, checked. */
export interface GenerationPlan {
  readonly maxNewTokens: number;
  readonly minNewTokens: number;
  readonly eosTokenIds: readonly number[];
  readonly doSample: boolean;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly numBeams: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | "never";
  readonly repetitionPenalty: number;
  readonly noRepeatNgramSize: number;
  readonly numReturnSequences: number;
  readonly logitsProcessors: readonly LogitsProcessor[];
  readonly useCache: boolean;
  readonly signal: AbortSignal | undefined;
}

const refuse = (name: string, expected: string, got: unknown): never => {
  throw new ArgumentError(`generate: expected ${name} to be ${expected}, got ${String(got)}`);
};

const count = (name: string, value: number, min: number): number =>
  Number.isSafeInteger(value) && value >= min ? value : refuse(name, `a whole number ≥ ${min}`, value);

const positive = (name: string, value: number): number =>
  value > 0 && Number.isFinite(value) ? value : refuse(name, "a number > 0", value);

/**
 * Options with their defaults, checked.
 *
 * @param eosTokenId the configuration's
 */
export const planGeneration = (options: GenerateOptions, eosTokenId: GenerateOptions["eosTokenId"]): GenerationPlan => {
  const { numBeams = 1, doSample = false, numReturnSequences = 1, topP = 1, minP = 0, lengthPenalty = 1 } = options;
  const { earlyStopping = false, logitsProcessors = [], useCache = true, signal } = options;
  const ends = options.eosTokenId === undefined ? (eosTokenId ?? null) : options.eosTokenId;
  if (!(topP > 0 && topP <= 1)) refuse("topP", "in (0, 1]", topP);
  if (!(minP >= 0 && minP <= 1)) refuse("minP", "in [0, 1]", minP);
  if (!Number.isFinite(lengthPenalty)) refuse("lengthPenalty", "a number", lengthPenalty);
  if (typeof earlyStopping !== "boolean" && earlyStopping !== "never")
    refuse("earlyStopping", 'true, false or "never"', earlyStopping);
  count("numBeams", numBeams, 1);
  count("numReturnSequences", numReturnSequences, 1);
  if (numReturnSequences > 1 && numBeams === 1 && !doSample)
    refuse("numReturnSequences", "1 without doSample and numBeams, as all texts would be alike", numReturnSequences);
  if (numBeams > 1 && numReturnSequences > numBeams)
    refuse("numReturnSequences", `at most numBeams (${numBeams})`, numReturnSequences);
  return {
    maxNewTokens: count("maxNewTokens", options.maxNewTokens ?? 20, 1),
    minNewTokens: count("minNewTokens", options.minNewTokens ?? 0, 0),
    eosTokenIds: ends === null ? [] : typeof ends === "number" ? [ends] : [...ends],
    doSample,
    temperature: positive("temperature", options.temperature ?? 1),
    topK: count("topK", options.topK ?? 50, 0),
    topP,
    minP,
    numBeams,
    lengthPenalty,
    earlyStopping,
    repetitionPenalty: positive("repetitionPenalty", options.repetitionPenalty ?? 1),
    noRepeatNgramSize: count("noRepeatNgramSize", options.noRepeatNgramSize ?? 0, 0),
    numReturnSequences,
    logitsProcessors,
    useCache,
    signal,
  };
};
