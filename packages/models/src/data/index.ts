export { BatchSampler, type BatchSamplerOptions, type BatchSamplerState } from "./batch-sampler.ts";
export { ClassificationCollator, type ClassificationBatch, type EncodedExample } from "./classification-collator.ts";
export { CausalCollator, type CausalBatch } from "./causal-collator.ts";
export { DataError } from "./data-error.ts";
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from "./data-loader.ts";
export {
  concatDatasets,
  datasetOf,
  mapDataset,
  randomSplit,
  subset,
  type Dataset,
  type IterableDataset,
} from "./dataset.ts";
export { readRecords, readRows, type DelimitedOptions } from "./delimited.ts";
export {
  GLOSS_CLASSES,
  GLOSS_CLASSES_10,
  makeGlossTask,
  preTrainingTexts,
  type GlossTask,
  type GlossTaskOptions,
} from "./gloss-task.ts";
export { ImageCollator, type ImageBatch, type ImageCollatorOptions, type LabelledImage } from "./image-collator.ts";
export { readJsonLines } from "./json-lines.ts";
export {
  IGNORE_INDEX,
  MlmCollator,
  wordStarts,
  type MlmBatch,
  type MlmCollatorOptions,
  type TokenNames,
} from "./mlm-collator.ts";
export { NaiveBayes } from "./naive-bayes.ts";
export {
  readJsonLinesFile,
  readLinesFile,
  readRecordsFile,
  readRowsFile,
  readTextFile,
  readTsvFile,
  readWordNetFolder,
} from "./node-files.ts";
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
export {
  packCausalBlocks,
  packTokenBlocks,
  takeBlocks,
  type CausalBlockOptions,
  type TokenBlockOptions,
  type TokenBlocks,
} from "./token-blocks.ts";
export {
  LEXICOGRAPHER_FILES,
  parseWordNet,
  parseWordNetData,
  WORDNET_FILES,
  type LexicographerFile,
  type WordNetGloss,
} from "./wordnet-glosses.ts";
