export type { AddedToken } from "./added-tokens.ts";
export {
  ByteLevelBpeTokenizer,
  type RobertaTokenizerOptions,
  type TokenizerOptions,
} from "./byte-level-bpe-tokenizer.ts";
export type { BatchEncoding, EncodeBatchOptions, EncodeOptions, Encoding } from "./encoding.ts";
export { ROBERTA_SPECIAL_TOKENS, type SpecialTokens } from "./roberta-parts.ts";
export { TokenizerError } from "./tokenizer-error.ts";
export type { Merge, TokenizerJson, TokenizerParts } from "./tokenizer-json.ts";
export { trainBpe, trainBpeAsync, type BpeModel, type BpeProgress, type TrainBpeOptions } from "./train-bpe.ts";
