import { generate, type GenerateOptions, type GenerativeModel } from "@tessera/models";

/** A continuation that Hugging Face's transformers made. */
export interface GoldenGeneration {
  /** `greedy`, `beam3`, `greedy-repetition-1.3`, `greedy-no-repeat-2`, or several of these parts together. */
  readonly kind: string;
  readonly prompt: readonly number[];
  readonly max_new_tokens: number;
  readonly ids: readonly number[];
}

/** The options that a kind stands for. */
const optionsOf = (kind: string): GenerateOptions => {
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(kind)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const rest = kind.replace(/^(greedy|beam\d+)/, "").replace(/-(repetition|no-repeat)-[0-9.]+/g, "");
  if (rest !== "") throw new Error(`golden.json: no generation is called "${kind}"`);
  return {
    numBeams: number(/^beam(\d+)/),
    repetitionPenalty: number(/-repetition-([0-9.]+)/),
    noRepeatNgramSize: number(/-no-repeat-(\d+)/),
  };
};

/** Token numbers are equal or wrong: with a cache, without one, and all greedy prompts of a kind together. */
export const checkGeneration = async (model: GenerativeModel, goldens: readonly GoldenGeneration[]): Promise<string[]> => {
  const failures: string[] = [];
  const compare = (name: string, got: readonly number[], want: readonly number[]): void => {
    if (got.join() !== want.join()) failures.push(`${name}: got ${got.join(" ")}, expected ${want.join(" ")}`);
  };
  for (const { kind, prompt, max_new_tokens: maxNewTokens, ids } of goldens)
    for (const useCache of [true, false]) {
      const options = { ...optionsOf(kind), maxNewTokens, useCache };
      compare(`${kind} of ${prompt.join(" ")}${useCache ? "" : " without a cache"}`, (await generate(model, prompt, options))[0]!, ids);
    }
  for (const kind of new Set(goldens.map((golden) => golden.kind))) {
    const same = goldens.filter((golden) => golden.kind === kind);
    const maxNewTokens = same[0]!.max_new_tokens;
    const together = await generate(model, same.map(({ prompt }) => prompt), { ...optionsOf(kind), maxNewTokens });
    for (const [i, { prompt, ids }] of same.entries()) compare(`${kind} of ${prompt.join(" ")} among others`, together[i]!, ids);
  }
  return failures;
};
