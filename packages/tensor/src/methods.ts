import type { families } from "./families.ts";
import type * as composed from "./ops/composed.ts";
import { methods } from "./generated/methods.ts";
import type { notMethods } from "./not-methods.ts";
import { show } from "./print.ts";
import { Tensor } from "./tensor.ts";

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

// Written by `npm run generate`: here the compiler says when that is missing.
methods satisfies { readonly [K in keyof Methods]: unknown };

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
