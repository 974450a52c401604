import type { RobertaPreTrained } from "@tessera/models/roberta";
import { formatCommandLine } from "../run-folder/command-line.ts";
import type { CardLayer, ModelCardData } from "../logs/model-card.ts";
import type { ModelNotes } from "./model-folder.ts";
import { findSparseLayers } from "./patch-model.ts";

/** What a command knows of the model that it saves. */
export interface CardFacts {
  /** The command line's words. */
  words: readonly string[];
  scores?: Readonly<Record<string, number>>;
  scoresOn?: string | undefined;
  sparsity?: string | undefined;
}

const describeSource = ({ source }: ModelNotes): string =>
  source.kind === "wordnet"
    ? `glosses of WordNet 3.1, split by seed ${source.seed}, held out for ${source.classes.join(", ")}`
    : "text files of the user";

/** What a model card says of a model. */
export const describeModel = (model: RobertaPreTrained, notes: ModelNotes, facts: CardFacts): ModelCardData => {
  const { words, scores = {}, scoresOn, sparsity } = facts;
  const { numHiddenLayers, hiddenSize, numAttentionHeads, vocabSize, id2label } = model.config;
  const classifies = "classifier" in model;
  const layers: CardLayer[] = findSparseLayers(model).map(([name, { density, blockSize }]) => ({
    name,
    density,
    blockSize,
  }));
  return {
    task: classifies ? "text-classification" : "fill-mask",
    model: `${model.constructor.name} of ${numHiddenLayers} layers, width ${hiddenSize}, ${numAttentionHeads} heads, ${vocabSize} tokens`,
    parameters: model.numParameters(),
    data: describeSource(notes),
    labels: classifies ? Object.values(id2label) : undefined,
    layers,
    sparsity,
    scores,
    scoresOn,
    command: formatCommandLine(words),
  };
};
