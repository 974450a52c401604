/** Functions of the families that are no methods of a tensor; every other one is. An op's value and a fused backward never are. */
export const notMethods = [
  // The tensor is not their first argument.
  "where",
  "embedding",
  "einsum",
  "cat",
  "stack",
  "globalNorm",
  "adamStep",
  "sgdStep",
  // They make tensors.
  "rand",
  "randn",
  "randint",
  "bernoulli",
  // Torch has them in nn.functional and linalg alone, or under another name.
  "linear",
  "layerNorm",
  "addLayerNorm",
  "rmsNorm",
  "dropout",
  "crossEntropy",
  "scaledDotProductAttention",
  "oneHot",
  "vectorNorm",
  "stopGradient",
] as const;
