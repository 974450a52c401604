export type { AddedToken } from "./added-tokens.ts";
export { ByteLevelBpeTokenizer, type RobertaTokenizerOptions } from "./byte-level-bpe-tokenizer.ts";
export type { BatchEncoding, EncodeBatchOptions, EncodeOptions, EncodeWindowsOptions, Encoding } from "./encoding.ts";
export type { Section } from "./section.ts";
export { BERT_SPECIAL_TOKENS, ROBERTA_SPECIAL_TOKENS, type SpecialTokens } from "./special-tokens.ts";
export { TokenizerError } from "./tokenizer-error.ts";
export type {
  BpeParts,
  Merge,
  ModelJson,
  ModelParts,
  TokenizerFiles,
  TokenizerJson,
  TokenizerParts,
  WordLevelParts,
  WordPieceParts,
} from "./tokenizer-json.ts";
export { Tokenizer, type TokenizerOptions } from "./tokenizer.ts";
export type { BpeProgress, VocabTrainingOptions } from "./learn-merges.ts";
export { trainBpe, trainBpeAsync, type BpeModel, type TrainBpeOptions } from "./train-bpe.ts";
export { trainWordPiece, trainWordPieceAsync, type TrainWordPieceOptions } from "./train-word-piece.ts";
export { WordPieceTokenizer, type BertTokenizerOptions } from "./word-piece-tokenizer.ts";
