import * as composed from "./ops/composed.ts";
import * as elementwise from "./ops/elementwise/elementwise.ts";
import * as index from "./ops/index/index.ts";
import * as move from "./ops/move/move.ts";
import * as reduce from "./ops/reduce/reduce.ts";
import { show } from "./print.ts";
import { Tensor } from "./tensor.ts";

/**
 * Functions that are also methods: those whose first argument is the tensor in torch too. Left out are op values, functions
 * of several tensors, fused backwards, and `where`, whose first argument is the condition.
 */
const methodNames = [
  ...[
    "neg",
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "abs",
    "tanh",
    "sigmoid",
    "relu",
    "erf",
    "sin",
    "cos",
    "square",
    "reciprocal",
  ],
  ...[
    "silu",
    "softplus",
    "sign",
    "floor",
    "gelu",
    "clamp",
    "logicalNot",
    "cast",
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
  ],
  ...["minimum", "pow", "eq", "ne", "lt", "le", "gt", "ge", "logicalAnd", "logicalOr", "maskedFill"],
  ...["sum", "amax", "amin", "argmax", "cumsum", "mean", "std", "variance", "logsumexp"],
  ...["reshape", "flatten", "permute", "transpose", "expand", "unsqueeze", "squeeze", "narrow", "slice", "select"],
  ...["chunk", "split", "pad", "clone", "contiguous"],
  ...["indexSelect", "indexAdd", "gather", "scatterAdd"],
] as const;

type MethodName = (typeof methodNames)[number];
type Method<F> = F extends (x: Tensor, ...rest: infer A) => infer R ? (...rest: A) => R : never;
/** Filtered by name alone, so that an editor shows the function's own docs. */
type Methods<M> = { [K in keyof M as K extends MethodName ? K : never]: Method<M[K]> };

declare module "./tensor.ts" {
  interface Tensor
    extends
      Methods<typeof elementwise>,
      Methods<typeof index>,
      Methods<typeof reduce>,
      Methods<typeof move>,
      Methods<typeof composed> {
    /** Values, shape and dtype in torch's form. On a device that answers only later: shape and dtype. */
    toString(): string;
  }
}

const families: { readonly [name: string]: unknown } = { ...elementwise, ...index, ...reduce, ...move, ...composed };

for (const name of methodNames) {
  const call = families[name] as (x: Tensor, ...rest: readonly unknown[]) => unknown;
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
