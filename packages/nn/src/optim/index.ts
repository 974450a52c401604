/** Optimisers and what belongs to them: all of this package that needs autograd. */
export { Adam } from "./adam.ts";
export type { AdamOptions } from "./adam-family.ts";
export { AdamW } from "./adamw.ts";
export { clipGradNorm } from "./clip-grad-norm.ts";
export { Optimizer, type Update } from "./optimizer.ts";
export type { LoadableOptimizerState, OptimizerState, ParameterState, StateSpecs } from "./optimizer-state.ts";
export {
  partitionParameters,
  type GroupOptions,
  type NamedParameters,
  type ParameterGroup,
} from "./parameter-groups.ts";
export {
  constantWarmup,
  cosineWarmup,
  linearWarmup,
  Schedule,
  type ScheduleState,
  type WarmupOptions,
} from "./schedule.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
