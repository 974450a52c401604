import type { LabelledText } from "@tessera/models/data";
import { readTestFile, readGlosses, type ClassificationData } from "../data/classification-data.ts";
import { CommandError } from "../terminal/command-error.ts";

/** So many texts of each class are enough to choose a model, and do not slow the training down. */
const MAX_PER_CLASS = 100;
/** Without others every fifth text to learn from is held out. */
const HELD_OUT_EVERY = 5;

/** At most `count` texts of each label, in their order. */
const takeSome = (texts: readonly LabelledText[], count: number): LabelledText[] => {
  const taken = new Map<number, number>();
  return texts.filter(({ label }) => {
    const before = taken.get(label) ?? 0;
    taken.set(label, before + 1);
    return before < count;
  });
};

/** Texts to learn from, and others to choose the best model by: neither is tested on. */
export interface ValidatedTexts {
  train: readonly LabelledText[];
  validation: readonly LabelledText[];
  /** Where the validation texts came from, in words. */
  from: string;
}

/**
 * Finds texts to validate on: those of a file; else, for WordNet, glosses that are neither learned from nor tested on; else every fifth text of each
 * class, which is then not learned from.
 */
export const readValidation = async (data: ClassificationData, file?: string): Promise<ValidatedTexts> => {
  const { train, labels, source } = data;
  if (file !== undefined) return { train, validation: await readTestFile(file, labels), from: file };
  if (source.kind === "wordnet") {
    const learned = new Set(train.map(({ text }) => text));
    const others = (await readGlosses(source)).train.filter(({ text }) => !learned.has(text));
    if (others.length > 0)
      return { train, validation: takeSome(others, MAX_PER_CLASS), from: "glosses that are not learned from" };
  }
  const seen = new Map<number, number>();
  const held = train.map(({ label }) => {
    const before = (seen.get(label) ?? 0) + 1;
    seen.set(label, before);
    return before % HELD_OUT_EVERY === 0;
  });
  if (!held.includes(true))
    throw new CommandError(
      `finetune: expected ${HELD_OUT_EVERY} texts of a class, a fifth of which is held out to choose the model by, got fewer; give --validation`,
    );
  return {
    train: train.filter((_, i) => !held[i]),
    validation: train.filter((_, i) => held[i]),
    from: "a fifth of the texts to learn from, held out",
  };
};
