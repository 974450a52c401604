import { DataError } from "./data-error.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { LabelledText, LabelledTexts } from "./text-files.ts";
import type { WordNetGloss } from "./wordnet-glosses.ts";

/** The six classes of the demo: noun supersenses. */
export const GLOSS_CLASSES = ["animal", "plant", "person", "artifact", "food", "location"] as const;

/** The ten classes of the reports. */
export const GLOSS_CLASSES_10 = [...GLOSS_CLASSES, "act", "state", "communication", "substance"] as const;

export interface GlossTaskOptions {
  seed: number;
  /** Noun supersenses: `animal` for the lexicographer file `noun.animal`. Default: {@link GLOSS_CLASSES}. */
  classes?: readonly string[] | undefined;
  /** Glosses of each class. Default 2,500. */
  perClass?: number | undefined;
  /** The part of each class that is kept for the test. Default 0.2. */
  testFraction?: number | undefined;
  /** Training texts of each class. Those of 20 labels are among those of 50. Default: all. */
  labelsPerClass?: number | undefined;
}

export interface GlossTask {
  labels: string[];
  train: LabelledText[];
  test: LabelledText[];
}

const positive = (name: string, value: number): void => {
  if (!Number.isInteger(value) || value < 1) {
    throw new DataError(`makeGlossTask: expected ${name} to be a whole number ≥ 1, got ${value}; change it`);
  }
};

/**
 * The classification task: from a gloss without its examples tell the supersense. Glosses are deduplicated by text (the first
 * one's class counts), drawn and split by class, and shuffled, all from the seed: the test set does not depend on
 * `labelsPerClass`.
 *
 * @throws {DataError} if a class is unknown or has too few glosses
 *
 * @example
 * const { train, test } = makeGlossTask(glosses, { seed: 1, labelsPerClass: 50 }); // 300 and 3,000 texts
 */
export const makeGlossTask = (
  glosses: readonly WordNetGloss[],
  { seed, classes = GLOSS_CLASSES, perClass = 2500, testFraction = 0.2, labelsPerClass }: GlossTaskOptions,
): GlossTask => {
  positive("perClass", perClass);
  const testCount = Math.round(perClass * testFraction);
  const trainCount = perClass - testCount;
  if (!(testCount >= 1 && trainCount >= 1)) {
    throw new DataError(
      `makeGlossTask: expected testFraction to leave both parts a text, got ${testFraction} of ${perClass}; use 0.2`,
    );
  }
  const taken = labelsPerClass ?? trainCount;
  positive("labelsPerClass", taken);
  if (taken > trainCount) {
    throw new DataError(`makeGlossTask: expected labelsPerClass ≤ ${trainCount}, got ${taken}; lower it`);
  }
  const { labels, examples } = supersenses(glosses, classes);
  const train: LabelledText[] = [];
  const test: LabelledText[] = [];
  labels.forEach((name, label) => {
    const own = examples.filter((example) => example.label === label);
    if (own.length < perClass) {
      throw new DataError(
        `makeGlossTask: expected ${perClass} glosses of class ${JSON.stringify(name)}, got ${own.length}; lower perClass or take another class`,
      );
    }
    new SeededRandom(seed, "gloss-task", name).shuffle(own);
    // One by one: as arguments of one call, millions would not fit on the stack.
    for (const example of own.slice(0, testCount)) test.push(example);
    for (const example of own.slice(testCount, testCount + taken)) train.push(example);
  });
  new SeededRandom(seed, "gloss-task", "train").shuffle(train);
  new SeededRandom(seed, "gloss-task", "test").shuffle(test);
  return { labels, train, test };
};

/** All nouns of the classes, each text once. */
const supersenses = (glosses: readonly WordNetGloss[], classes: readonly string[]): LabelledTexts => {
  const indices = new Map(classes.map((name, index) => [`noun.${name}`, index]));
  const byText = new Map<string, number>();
  for (const { lexicographerFile, gloss } of glosses) {
    const label = indices.get(lexicographerFile);
    if (label !== undefined && !byText.has(gloss)) byText.set(gloss, label);
  }
  return { labels: [...classes], examples: Array.from(byText, ([text, label]) => ({ text, label })) };
};

/**
 * What may be read before the test: every gloss with its examples, save those whose gloss is a test text. Of equal
 * texts one stays.
 */
export const preTrainingTexts = (glosses: readonly WordNetGloss[], test: readonly LabelledText[]): string[] => {
  const kept = new Set(test.map(({ text }) => text));
  return [...new Set(glosses.filter(({ gloss }) => !kept.has(gloss)).map(({ text }) => text))];
};
