export * as functional from "./functional.ts";
export * as metrics from "./metrics.ts";
export * as init from "./init.ts";
export * from "./layers/activations.ts";
export { attend, type AttendOptions } from "./layers/attend.ts";
export { BatchNorm1d, BatchNorm2d, type BatchNormLayerOptions } from "./layers/batch-norm.ts";
export { Conv1d, Conv2d, type Conv1dOptions, type Conv2dOptions } from "./layers/conv.ts";
export { Dropout } from "./layers/dropout.ts";
export { Embedding, type EmbeddingOptions } from "./layers/embedding.ts";
export { Flatten, Unflatten } from "./layers/flatten.ts";
export { GLU, SwiGLU, type SwiGLUOptions } from "./layers/glu.ts";
export { GroupNorm, type GroupNormLayerOptions } from "./layers/group-norm.ts";
export { Identity } from "./layers/identity.ts";
export { KeyValueCache } from "./layers/key-value-cache.ts";
export { LayerNorm, type LayerNormOptions } from "./layers/layer-norm.ts";
export { Linear, type LinearOptions } from "./layers/linear.ts";
export { ModuleDict } from "./layers/module-dict.ts";
export { ModuleList } from "./layers/module-list.ts";
export { ParameterList } from "./layers/parameter-list.ts";
export {
  MultiHeadAttention,
  type AttentionInputs,
  type MultiHeadAttentionOptions,
} from "./layers/multi-head-attention.ts";
export { AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d } from "./layers/pool.ts";
export { RMSNorm, type RMSNormOptions } from "./layers/rms-norm.ts";
export {
  rotate,
  RotaryEmbedding,
  type RotaryEmbeddingOptions,
  type RotaryPositions,
  type RotaryScaling,
  type Rotation,
} from "./layers/rotary-embedding.ts";
export { Sequential, type TensorModule } from "./layers/sequential.ts";
export {
  huberLoss,
  HuberLoss,
  l1Loss,
  L1Loss,
  smoothL1Loss,
  SmoothL1Loss,
  type HuberLossOptions,
  type L1LossOptions,
  type SmoothL1LossOptions,
} from "./losses/absolute-losses.ts";
export { bceWithLogits, BCEWithLogitsLoss } from "./losses/bce-with-logits-loss.ts";
export { CrossEntropyLoss, type CrossEntropyLossOptions } from "./losses/cross-entropy-loss.ts";
export { distillationLoss, type DistillationOptions, type DistilledOutput } from "./losses/distillation-loss.ts";
export { klDiv, KLDivLoss, type KLDivOptions } from "./losses/kl-div.ts";
export { mseLoss, MSELoss } from "./losses/mse-loss.ts";
export { softCrossEntropy } from "./losses/soft-cross-entropy.ts";
export { Module, type ForwardHook, type ForwardPreHook } from "./module.ts";
export { batchNorm, type BatchNormOptions } from "./ops/batch-norm/batch-norm.ts";
export { conv1d, conv2d, type ConvOptions, type Padding } from "./ops/conv.ts";
export { groupNorm, type GroupNormOptions } from "./ops/group-norm.ts";
export {
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
  type AvgPoolOptions,
  type MaxPoolOptions,
  type PoolOptions,
} from "./ops/pool.ts";
export type { Size2d } from "./ops/sizes.ts";
export { fold, unfold, type UnfoldOptions } from "./ops/unfold.ts";
export { Adafactor, type AdafactorOptions } from "./optim/adafactor.ts";
export { Adam } from "./optim/adam.ts";
export type { AdamOptions } from "./optim/adam-family.ts";
export { AdamW } from "./optim/adamw.ts";
export { clipGradNorm } from "./optim/clip-grad-norm.ts";
export { CombinedOptimizer } from "./optim/combined-optimizer.ts";
export { ExponentialMovingAverage } from "./optim/exponential-moving-average.ts";
export { Lion, type LionOptions } from "./optim/lion.ts";
export { Muon, type AdjustLr, type MuonOptions } from "./optim/muon.ts";
export { Optimizer, type Update } from "./optim/optimizer.ts";
export type { LoadableOptimizerState, OptimizerState, ParameterState, StateSpecs } from "./optim/optimizer-state.ts";
export {
  partitionParameters,
  type GroupOptions,
  type NamedParameters,
  type ParameterGroup,
} from "./optim/parameter-groups.ts";
export { pickEntries } from "./optim/pick-entries.ts";
export {
  constantWarmup,
  cosineWarmup,
  inverseSqrtWarmup,
  linearWarmup,
  Schedule,
  type ScheduleState,
  type WarmupOptions,
} from "./optim/schedule.ts";
export { ReduceLROnPlateau, type PlateauOptions, type PlateauState } from "./optim/reduce-lr-on-plateau.ts";
export { RMSprop, type RMSpropOptions } from "./optim/rmsprop.ts";
export { SGD, type SGDOptions } from "./optim/sgd.ts";
export { constantLR, oneCycleLR, sequentialLR, type OneCycleOptions } from "./optim/torch-schedules.ts";
export { StateDictError, type LoadableState, type LoadReport, type StateDict } from "./state-dict.ts";
export type { CallbackState, TrainingCallback, TrainingContext } from "./training-callback.ts";
export type { Reduction } from "./losses/reduction.ts";
export { crossEntropy } from "@tessera/tensor";
