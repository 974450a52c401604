import { ArgumentError, defaultGenerator, type Generator } from "@tessera/tensor";
import { SeededRandom } from "../data/seeded-random.ts";
import { beamSearch } from "./beam-search.ts";
import { drawn, likeliest } from "./choose-token.ts";
import { planGeneration, type GenerateOptions, type GenerationPlan } from "./generation-options.ts";
import type { GenerativeModel } from "./generative-model.ts";
import { processorsOf, warp } from "./logits-processors.ts";
import { NextLogits } from "./next-logits.ts";

type Ids = readonly number[];

const isOne = (prompts: Ids | readonly Ids[]): prompts is Ids => typeof prompts[0] === "number";

const checkedPrompts = (prompts: Ids | readonly Ids[]): readonly Ids[] => {
  const list = isOne(prompts) ? [prompts] : prompts;
  if (
    list.length === 0 ||
    list.some((ids) => ids.length === 0 || !ids.every((id) => Number.isSafeInteger(id) && id >= 0))
  )
    throw new ArgumentError(
      "generate: expected prompts of at least one token each, as numbers, got one without; begin with the token that starts a text",
    );
  return list;
};

/** What is drawn on the host, out of one draw of the generator; who does not draw leaves that alone. */
const randomOf = ({ doSample }: GenerationPlan, generator: Generator = defaultGenerator): SeededRandom => {
  if (!doSample) return new SeededRandom();
  const { seedLow, seedHigh, counter } = generator.draw();
  return new SeededRandom("generate", seedLow, seedHigh, counter);
};

/** Texts that go on, a token at a time: yields what each step adds, by the number of the text. */
async function* steps(
  next: NextLogits,
  prompts: readonly Ids[],
  plan: GenerationPlan,
  random: SeededRandom,
): AsyncGenerator<ReadonlyMap<number, number>> {
  let open = prompts.map((ids, text) => ({ text, ids: [...ids], process: processorsOf(plan, ids.length) }));
  for (let step = 0; step < plan.maxNewTokens && open.length > 0; step++) {
    plan.signal?.throwIfAborted();
    const logits = await next.of(open.map(({ ids }) => ids));
    const added = new Map<number, number>();
    for (const [row, { text, ids, process }] of open.entries()) {
      const scores = logits[row]!;
      for (const change of process) change(ids, scores);
      if (plan.doSample) warp(plan, scores);
      const token = plan.doSample ? drawn(scores, random) : likeliest(scores);
      ids.push(token);
      added.set(text, token);
    }
    yield added;
    const going = [...open.keys()].filter((row) => !plan.eosTokenIds.includes(open[row]!.ids.at(-1)!));
    if (going.length > 0) next.reorder(going);
    open = going.map((row) => open[row]!);
  }
}

/** Prompts in groups that a model takes together, with their places: all of them, or those of one length. */
const grouped = (prompts: readonly Ids[], together: boolean): [place: number, ids: Ids][][] => {
  const groups = new Map<number, [number, Ids][]>();
  for (const [place, ids] of prompts.entries()) {
    const key = together ? 0 : ids.length;
    groups.set(key, [...(groups.get(key) ?? []), [place, ids]]);
  }
  return [...groups.values()];
};

/**
 * Lets a model continue texts, as Hugging Face's `generate` does: greedily, by drawing (`doSample`), or with beams (`numBeams`). Keys and
 * values of past tokens stay on the device; the scores of the next token are read, one read a token. Call `model.eval()` first.
 *
 * Prompts of several lengths may come together. Each result is the prompt and what was added, the token that ended it included; there are
 * `numReturnSequences` of them for each prompt, one after the other.
 *
 * Source: {@link https://huggingface.co/docs/transformers/main_classes/text_generation text generation}.
 *
 * @param prompts token numbers of a text, or of several
 * @throws ArgumentError when an option is outside its domain, or a prompt is empty
 * @throws ShapeError when a text becomes longer than the model has positions
 * @example
 * const [ids] = await generate(model, tokenizer.encodeToIds("The dog"), { maxNewTokens: 40, numBeams: 4 });
 * const drawn = await generate(model, prompts, { doSample: true, temperature: 0.8, topP: 0.95, generator: new Generator(1) });
 */
export const generate = async (
  model: GenerativeModel,
  prompts: readonly number[] | readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<number[][]> => {
  const plan = planGeneration(options, model.config?.eosTokenId);
  const { numBeams, numReturnSequences: copies } = plan;
  // Texts that are drawn from one prompt are rows of their own from the start.
  const list = checkedPrompts(prompts).flatMap((ids) =>
    numBeams > 1 ? [ids] : Array.from({ length: copies }, () => ids),
  );
  const random = randomOf(plan, options.generator);
  const results: number[][][] = list.map(() => []);
  for (const group of grouped(list, model.leftPadding ?? false)) {
    const next = new NextLogits(model, plan.useCache);
    const texts = group.map(([, ids]) => ids);
    try {
      if (numBeams > 1) {
        const found = await beamSearch(next, texts, plan, random);
        for (const [i, [place]] of group.entries()) results[place] = found[i]!;
        continue;
      }
      const grown = texts.map((ids) => [...ids]);
      for await (const added of steps(next, texts, plan, random)) for (const [text, id] of added) grown[text]!.push(id);
      for (const [i, [place]] of group.entries()) results[place] = [grown[i]!];
    } finally {
      next.dispose();
    }
  }
  return results.flat();
};

/**
 * The tokens that continue a text, each as soon as it is there: as `generate`, without beams. To leave the loop ends the generation and frees
 * what it holds.
 *
 * @throws ArgumentError when an option is outside its domain, or the prompt is empty; with `numBeams`, whose texts are known at the end
 * @example
 * for await (const id of generateStream(model, prompt, { doSample: true })) process.stdout.write(tokenizer.decode([id]));
 */
export async function* generateStream(
  model: GenerativeModel,
  prompt: readonly number[],
  options: Omit<GenerateOptions, "numReturnSequences"> = {},
): AsyncGenerator<number, void> {
  const plan = planGeneration(options, model.config?.eosTokenId);
  if (plan.numBeams > 1)
    throw new ArgumentError(
      `generateStream: expected numBeams 1, got ${plan.numBeams}; beams know their tokens only at the end, use generate`,
    );
  const next = new NextLogits(model, plan.useCache);
  try {
    for await (const added of steps(next, checkedPrompts(prompt), plan, randomOf(plan, options.generator)))
      yield added.get(0)!;
  } finally {
    next.dispose();
  }
}
