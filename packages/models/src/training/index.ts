export type { BatchSource, TrainingBatch } from "./batch-source.ts";
export type { Metrics, TrainingState } from "./checkpoint.ts";
export {
  classificationBatches,
  classificationInputs,
  maskedLMBatches,
  maskedLMInputs,
  type ClassificationBatchesOptions,
  type MaskedLMBatchesOptions,
} from "./collators.ts";
export {
  classificationEpoch,
  evaluateClassification,
  evaluateMaskedLM,
  maskedLMEpoch,
  type ClassificationMetrics,
  type MaskedLanguageModel,
  type MaskedLMMetrics,
  type SequenceClassifier,
} from "./evaluate.ts";
export { earlyStopping, type EarlyStoppingOptions } from "./early-stopping.ts";
export { keepBest, type BestEvaluation, type KeepBest } from "./keep-best.ts";
export type { Teacher } from "./teacher.ts";
export { CHECKPOINT_FILE, Trainer } from "./trainer.ts";
export type {
  TrainableModel,
  TrainerOptions,
  TrainingProgress,
  TrainingResult,
  TrainOptions,
} from "./trainer-options.ts";
export { muonGroups, type MuonGroups } from "./muon-groups.ts";
export { NonFiniteError, TrainingError } from "./training-error.ts";
export { TrainingLog, type LogEntry } from "./training-log.ts";
export { scoreClassification, scoreMaskedLM, type ItemScores } from "./score-items.ts";
export type { WatchedMetric } from "./watch-metric.ts";
export { weightDecayGroups, type WeightDecayGroup, type WeightDecayOptions } from "./weight-decay-groups.ts";
