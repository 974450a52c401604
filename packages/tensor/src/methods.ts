import type { families } from "./families.ts";
import * as composed from "./ops/composed.ts";
import * as elementwise from "./ops/elementwise/elementwise.ts";
import * as index from "./ops/index/index.ts";
import * as matmul from "./ops/matmul/matmul.ts";
import * as move from "./ops/move/move.ts";
import * as reduce from "./ops/reduce/reduce.ts";
import * as softmax from "./ops/softmax/softmax.ts";
import { show } from "./print.ts";
import { Tensor } from "./tensor.ts";

/** Every function of the families is a method too, but for op values, fused backwards, and these. */
const notMethods = [
  // The tensor is not their first argument.
  ...["where", "embedding", "einsum", "cat", "stack", "globalNorm", "adamStep", "sgdStep"],
  // They make tensors.
  ...["rand", "randn", "randint", "bernoulli"],
  // Torch has them in nn.functional and linalg alone, or under another name.
  ...["linear", "layerNorm", "addLayerNorm", "rmsNorm", "dropout", "crossEntropy", "scaledDotProductAttention"],
  ...["oneHot", "vectorNorm", "stopGradient"],
] as const;

type Left = `${string}Op` | `${string}Backward` | (typeof notMethods)[number];

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

// The families that have methods, and no others: who imports a function of this package gets these with it.
const functions: { readonly [K in keyof Methods]: unknown } = {
  ...elementwise,
  ...reduce,
  ...move,
  ...index,
  ...matmul,
  ...softmax,
  ...composed,
};
const left: ReadonlySet<string> = new Set(notMethods);

for (const [name, call] of Object.entries(functions) as [
  string,
  (x: Tensor, ...rest: readonly unknown[]) => unknown,
][]) {
  if (/(Op|Backward)$/.test(name) || left.has(name)) continue;
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value: function (this: Tensor, ...rest: readonly unknown[]): unknown {
      return call(this, ...rest);
    },
  });
}

Object.defineProperty(Tensor.prototype, "toString", {
  configurable: true,
  writable: true,
  value: function (this: Tensor): string {
    return show(this);
  },
});
