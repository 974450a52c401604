import { preTrainingTexts, readTextFile } from "@tessera/models/data";
import type { GlossSource, LabelSource } from "./classification-data.ts";
import { makeGlossTask } from "@tessera/models/data";
import { readWordNet } from "./wordnet-folder.ts";

/** Texts to pre-train on. */
export interface Corpus {
  texts: readonly string[];
  /** Whose test texts are not among them. */
  heldOut: LabelSource;
}

/** Every gloss with its examples, save those whose gloss the split tests on. */
export const readGlossCorpus = async (split: GlossSource): Promise<Corpus> => {
  const glosses = await readWordNet();
  const { test } = makeGlossTask(glosses, { seed: split.seed, classes: split.classes });
  return { texts: preTrainingTexts(glosses, test), heldOut: split };
};

/** The lines of a file. */
export const readTextCorpus = async (file: string): Promise<Corpus> => ({
  texts: await readTextFile(file),
  heldOut: { kind: "files" },
});
