import type { Attrs, Each, Op, Scalars, Signature, Tensor } from "@tessera/tensor";

/** The row of an op whose outputs carry no gradient: comparisons, positions, updates in place. */
export const notDifferentiable = "not differentiable";
/** The row of a fused backward: it has no gradient of its own, and says so when one is asked for. */
export const onceDifferentiable = "once differentiable";

/** The ops that a family module exports: `exp` for `expOp`. */
export type OpsOf<M> = { readonly [K in keyof M as K extends `${infer Name}Op` ? Name : never]: M[K] };
type SigOf<O> = O extends Op<infer S> ? S : never;
type Present<T extends readonly (Tensor | null)[]> = { readonly [I in keyof T]: Tensor };
/** dL/d output. What only the backward reads has none. */
type Cotangents<T extends readonly (Tensor | null)[]> = { readonly [I in keyof T]: null extends T[I] ? null : Tensor };
/** dL/d input; `null` where none flows. One of a broadcast shape is summed back by the tape. */
type Grads<T extends readonly (Tensor | null)[]> = { readonly [I in keyof T]: Tensor | null };

interface Unread {
  readonly inputs?: readonly number[];
  readonly outputs?: readonly number[];
}

interface Base<S extends Signature> {
  readonly attrs: Attrs<S>;
  readonly scalars: Scalars<S>;
  /** Which inputs a gradient is wanted for: work for the others can be left out. */
  readonly needs: Each<S["inputs"], boolean>;
  /** Shapes of all inputs, kept whatever is saved. */
  readonly shapes: Each<S["inputs"], readonly number[]>;
  /**
   * Takes over the gradient that an input has already, from its other uses: the rule then returns the sum. For rules that can
   * add to it on the way; the tape adds for the others.
   */
  takeSum(this: void, input: number): Tensor | null;
}
interface Seen<S extends Signature> {
  none: Base<S>;
  inputs: Base<S> & { inputs: S["inputs"] };
  outputs: Base<S> & { outputs: Present<S["outputs"]> };
  both: Base<S> & { inputs: S["inputs"]; outputs: Present<S["outputs"]> };
}

/** How gradients flow through one op: what it keeps from the forward pass, and the vector-Jacobian product. */
export type Vjp<S extends Signature> = {
  [K in keyof Seen<S>]: {
    readonly saves: K;
    /**
     * Places among the saved tensors that `vjp` does not read, or only for second derivatives. They are kept while another tape
     * watches too, and where they are parameters, which any tape may track; else they are `null` there.
     */
    readonly unread?: Unread;
    vjp(dy: Cotangents<S["outputs"]>, saved: Seen<S>[K]): Grads<S["inputs"]>;
  };
}[keyof Seen<S>];

/** A row for every op that a family exports: leaving one out does not compile. */
export type VjpTable<M> = {
  readonly [K in keyof OpsOf<M>]: Vjp<SigOf<OpsOf<M>[K]>> | typeof notDifferentiable | typeof onceDifferentiable;
};

/** A row as the tape uses it. */
export type Rule = typeof notDifferentiable | typeof onceDifferentiable | AnyVjp;
export interface AnyVjp {
  readonly saves: "none" | "inputs" | "outputs" | "both";
  readonly unread?: Unread;
  vjp(dy: readonly (Tensor | null)[], saved: SeenByAny): readonly (Tensor | null)[];
}
export interface SeenByAny {
  readonly attrs: object;
  readonly scalars: object;
  readonly needs: readonly (boolean | null)[];
  readonly shapes: readonly (readonly number[] | null)[];
  takeSum(this: void, input: number): Tensor | null;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly (Tensor | null)[];
}

const rules = new Map<Op<Signature>, Rule>();

/**
 * Teaches autograd the gradients of a family of ops: a row per exported `…Op`, by its name without `Op`.
 *
 * @example
 * import * as family from "./scale.ts"; // exports scaleOp and scale
 * defineVjps(family, {
 *   // d(kx) = k dx
 *   scale: { saves: "none", vjp: ([dy], { attrs: { k } }) => [family.scale(dy, k)] },
 * });
 */
export const defineVjps = <M extends object>(ops: M, table: VjpTable<M>): void => {
  const family = ops as { readonly [name: string]: Op<Signature> };
  for (const [name, rule] of Object.entries(table as { readonly [name: string]: Rule }))
    rules.set(family[`${name}Op`]!, rule);
};

/** The row of an op, if its family was taught. */
export const ruleOf = (op: Op<Signature>): Rule | undefined => rules.get(op);
