import { makeGlossTask, preTrainingTexts, readTextFile } from "@tessera/models/data";
import type { GlossSource, LabelSource } from "./classification-data.ts";
import { readWordNet } from "./wordnet-folder.ts";

/** Texts to pre-train on. */
export interface Corpus {
  texts: readonly string[];
  /** The source whose test texts are left out. */
  heldOut: LabelSource;
}

/** Reads every gloss with its examples, except the glosses that the split tests on. */
export const readGlossCorpus = async (split: GlossSource): Promise<Corpus> => {
  const glosses = await readWordNet();
  const { test } = makeGlossTask(glosses, { seed: split.seed, classes: split.classes });
  return { texts: preTrainingTexts(glosses, test), heldOut: split };
};

/** Reads the lines of a file. */
export const readTextCorpus = async (file: string): Promise<Corpus> => ({
  texts: await readTextFile(file),
  heldOut: { kind: "files" },
});
