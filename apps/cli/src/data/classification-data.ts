import { GLOSS_CLASSES, makeGlossTask, readTsvFile, type LabelledText, type LabelledTexts } from "@tessera/models/data";
import { CommandError } from "../terminal/command-error.ts";
import { readWordNet } from "./wordnet-folder.ts";

/** WordNet's glosses by supersense. Seed and classes are enough to make the same split again. */
export interface GlossSource {
  kind: "wordnet";
  seed: number;
  classes: readonly string[];
}

/** Where labelled texts come from. It is saved with a model, so that the model is evaluated on texts that it has not read. */
export type LabelSource = GlossSource | { kind: "files" };

export interface ClassificationData {
  source: LabelSource;
  labels: readonly string[];
  train: readonly LabelledText[];
  test: readonly LabelledText[];
}

export interface LabelOptions {
  /** A TSV file of labelled texts to learn from. */
  train?: string;
  /** A TSV file of labelled texts to test on. */
  test?: string;
  classes?: readonly string[];
  labelsPerClass?: number;
}

/** Describes the split of the glosses under a seed. */
export const createGlossSource = (seed: number, classes: readonly string[] = GLOSS_CLASSES): GlossSource => ({
  kind: "wordnet",
  seed,
  classes,
});

/** Reads the glosses of a split. */
export const readGlosses = async (source: GlossSource, labelsPerClass?: number): Promise<ClassificationData> => {
  const { seed, classes } = source;
  const task = makeGlossTask(await readWordNet(), {
    seed,
    classes,
    ...(labelsPerClass === undefined ? {} : { labelsPerClass }),
  });
  return { source, ...task };
};

/** Takes the first `count` texts of each label, in the order of the file. */
const takePerLabel = ({ labels, examples }: LabelledTexts, file: string, count: number | undefined): LabelledText[] => {
  if (count === undefined) return examples;
  const taken = labels.map(() => 0);
  const kept = examples.filter(({ label }) => taken[label]!++ < count);
  labels.forEach((name, label) => {
    if (taken[label]! < count) {
      throw new CommandError(
        `${file}: expected ${count} texts labelled ${JSON.stringify(name)}, got ${taken[label]}; lower --labels-per-class`,
      );
    }
  });
  return kept;
};

/** Reads labelled texts from two TSV files. Without `classes` the labels are those of the training file. */
export const readLabelledFiles = async (
  train: string,
  test: string,
  { classes, labelsPerClass }: Pick<LabelOptions, "classes" | "labelsPerClass"> = {},
): Promise<ClassificationData> => {
  const learned = await readTsvFile(train, classes ? { labels: classes } : {});
  const tested = await readTsvFile(test, { labels: learned.labels });
  return {
    source: { kind: "files" },
    labels: learned.labels,
    train: takePerLabel(learned, train, labelsPerClass),
    test: tested.examples,
  };
};

/** Reads labelled texts to test a model that knows these labels. */
export const readTestFile = async (file: string, labels: readonly string[]): Promise<LabelledText[]> =>
  (await readTsvFile(file, { labels })).examples;
