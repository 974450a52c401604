export { BatchSampler, type BatchSamplerOptions, type BatchSamplerState } from "./batch-sampler.ts";
export { ClassificationCollator, type ClassificationBatch, type EncodedExample } from "./classification-collator.ts";
export { DataError } from "./data-error.ts";
export {
  GLOSS_CLASSES,
  GLOSS_CLASSES_10,
  makeGlossTask,
  preTrainingTexts,
  type GlossTask,
  type GlossTaskOptions,
} from "./gloss-task.ts";
export { IGNORE_INDEX, MlmCollator, type MlmBatch, type MlmCollatorOptions } from "./mlm-collator.ts";
export { NaiveBayes } from "./naive-bayes.ts";
export { readTextFile, readTsvFile, readWordNetFolder } from "./node-files.ts";
export { padSequences, type PaddedSequences, type PadOptions } from "./pad-sequences.ts";
export { SeededRandom, type SeededRandomState } from "./seeded-random.ts";
export {
  readLines,
  readTextLines,
  readTsv,
  type LabelledText,
  type LabelledTexts,
  type TextSource,
  type TsvOptions,
} from "./text-files.ts";
export { packTokenBlocks, takeBlocks, type TokenBlockOptions, type TokenBlocks } from "./token-blocks.ts";
export {
  LEXICOGRAPHER_FILES,
  parseWordNet,
  parseWordNetData,
  WORDNET_FILES,
  type LexicographerFile,
  type WordNetGloss,
} from "./wordnet-glosses.ts";
