import type { families } from "./families.ts";
import type * as composed from "./ops/composed.ts";
import { flip, logsumexp, mean, roll, std, tile, tril, triu, variance } from "./ops/composed.ts";
import {
  abs,
  add,
  cast,
  clamp,
  cos,
  div,
  eq,
  erf,
  exp,
  floor,
  ge,
  gelu,
  gt,
  le,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
  maskedFill,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  pow,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
} from "./ops/elementwise/elementwise.ts";
import { gather, indexAdd, indexSelect, scatterAdd } from "./ops/index/index.ts";
import { addmm, matmul } from "./ops/matmul/matmul.ts";
import {
  chunk,
  clone,
  contiguous,
  expand,
  flatten,
  narrow,
  pad,
  permute,
  reshape,
  select,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from "./ops/move/move.ts";
import { amax, amin, argmax, cumsum, sum } from "./ops/reduce/reduce.ts";
import { logSoftmax, softmax } from "./ops/softmax/softmax.ts";
import { show } from "./print.ts";
import { Tensor } from "./tensor.ts";

/** Every function of the families is a method too, but for op values, fused backwards, and these. */
type Left =
  | `${string}Op`
  | `${string}Backward`
  // The tensor is not their first argument.
  | "where"
  | "embedding"
  | "einsum"
  | "cat"
  | "stack"
  | "globalNorm"
  | "adamStep"
  | "sgdStep"
  // They make tensors.
  | "rand"
  | "randn"
  | "randint"
  | "bernoulli"
  // Torch has them in nn.functional and linalg alone, or under another name.
  | "linear"
  | "layerNorm"
  | "addLayerNorm"
  | "rmsNorm"
  | "dropout"
  | "crossEntropy"
  | "scaledDotProductAttention"
  | "oneHot"
  | "vectorNorm"
  | "stopGradient";

/** What modules export together: the intersection of a union. */
type Together<M> = (M extends unknown ? (module: M) => void : never) extends (module: infer All) => void ? All : never;
type Exports = Together<(typeof families)[keyof typeof families] | typeof composed>;
type Method<F> = F extends (x: Tensor, ...rest: infer A) => infer R ? (...rest: A) => R : never;
/** Filtered by name alone, so that an editor shows the function's own docs. */
type Methods = { [K in keyof Exports as K extends Left ? never : K]: Method<Exports[K]> };

declare module "./tensor.ts" {
  interface Tensor extends Methods {
    /** Values, shape and dtype in torch's form. On a device that answers only later: shape and dtype. */
    toString(): string;
  }
}

/**
 * Named one by one, so that a bundle holds no list of what are none; a method left out, or one too many, does not compile. Who imports a
 * function of this package gets these with it, and no other family.
 */
const methods: { readonly [K in keyof Methods]: unknown } = {
  neg,
  exp,
  log,
  log1p,
  sqrt,
  rsqrt,
  abs,
  tanh,
  sigmoid,
  relu,
  erf,
  sin,
  cos,
  square,
  reciprocal,
  silu,
  softplus,
  sign,
  floor,
  gelu,
  clamp,
  logicalNot,
  cast,
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  pow,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logicalAnd,
  logicalOr,
  maskedFill,
  sum,
  amax,
  amin,
  argmax,
  cumsum,
  reshape,
  flatten,
  permute,
  transpose,
  expand,
  unsqueeze,
  squeeze,
  narrow,
  slice,
  select,
  chunk,
  split,
  pad,
  clone,
  contiguous,
  indexSelect,
  indexAdd,
  gather,
  scatterAdd,
  matmul,
  addmm,
  softmax,
  logSoftmax,
  flip,
  logsumexp,
  mean,
  roll,
  tile,
  tril,
  triu,
  variance,
  std,
};

for (const [name, call] of Object.entries(methods) as [string, (x: Tensor, ...rest: readonly unknown[]) => unknown][])
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value: function (this: Tensor, ...rest: readonly unknown[]): unknown {
      return call(this, ...rest);
    },
  });

Object.defineProperty(Tensor.prototype, "toString", {
  configurable: true,
  writable: true,
  value: function (this: Tensor): string {
    return show(this);
  },
});
