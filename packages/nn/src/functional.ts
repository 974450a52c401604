/** The functions behind the layers, by the names of torch.nn.functional. */
export {
  addLayerNorm,
  crossEntropy,
  dropout,
  embedding,
  gelu,
  layerNorm,
  linear,
  logSoftmax,
  oneHot,
  pad,
  relu,
  rmsNorm,
  scaledDotProductAttention,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
} from "@tessera/tensor";
export { huberLoss, l1Loss, smoothL1Loss } from "./losses/absolute-losses.ts";
export { bceWithLogits } from "./losses/bce-with-logits-loss.ts";
export { distillationLoss } from "./losses/distillation-loss.ts";
export { klDiv } from "./losses/kl-div.ts";
export { mseLoss } from "./losses/mse-loss.ts";
export { batchNorm } from "./ops/batch-norm/batch-norm.ts";
export { conv1d, conv2d } from "./ops/conv.ts";
export { groupNorm } from "./ops/group-norm.ts";
export { avgPool1d, avgPool2d, maxPool1d, maxPool2d } from "./ops/pool.ts";
export { fold, unfold } from "./ops/unfold.ts";
export { softCrossEntropy } from "./losses/soft-cross-entropy.ts";
