import { GLOSS_CLASSES, makeGlossTask, readTsvFile, type LabelledText, type LabelledTexts } from "@tessera/models/data";
import { CommandError } from "../terminal/command-error.ts";
import { readWordNet } from "./wordnet-folder.ts";

/** WordNet's glosses by supersense: enough to make the same split again. */
export interface GlossSource {
  kind: "wordnet";
  seed: number;
  classes: readonly string[];
}

/** Where labelled texts come from. A model keeps it, so that it is evaluated on what it has not read. */
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
  /** One to be tested on. */
  test?: string;
  classes?: readonly string[];
  labelsPerClass?: number;
}

/** The split of the glosses under a seed. */
export const glossSource = (seed: number, classes: readonly string[] = GLOSS_CLASSES): GlossSource => ({
  kind: "wordnet",
  seed,
  classes,
});

/** The glosses of a split. */
export const readGlosses = async (source: GlossSource, labelsPerClass?: number): Promise<ClassificationData> => {
  const { seed, classes } = source;
  const task = makeGlossTask(await readWordNet(), {
    seed,
    classes,
    ...(labelsPerClass === undefined ? {} : { labelsPerClass }),
  });
  return { source, ...task };
};

/** The first n texts of each label, in the order of the file. */
const fewer = ({ labels, examples }: LabelledTexts, file: string, count: number | undefined): LabelledText[] => {
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

/** Labelled texts from two TSV files. Labels are those of the training file, unless they are given. */
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
    train: fewer(learned, train, labelsPerClass),
    test: tested.examples,
  };
};

/** Labelled texts to test a model on that knows these labels. */
export const readTestFile = async (file: string, labels: readonly string[]): Promise<LabelledText[]> =>
  (await readTsvFile(file, { labels })).examples;
