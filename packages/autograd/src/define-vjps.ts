import type { Tensor } from "@tessera/tensor";
import type { Attrs, Each, Op, Scalars, Signature } from "@tessera/tensor/extend";

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

/** What a rule keeps, by names of its own. `null`: an optional input that was not given, or a tensor that needs no gradient. */
export interface Reads {
  readonly [name: string]: Tensor | null | readonly (Tensor | null)[];
}

/** What every rule sees of a call. */
export interface Seen<S extends Signature> {
  readonly attrs: Attrs<S>;
  readonly scalars: Scalars<S>;
  /** Which inputs a gradient is wanted for: what only the others need is neither read nor computed. */
  readonly needs: Each<S["inputs"], boolean>;
  /** Shapes of all inputs. */
  readonly shapes: Each<S["inputs"], readonly number[]>;
}

/** A call as it ran, from which a rule takes what it reads. An optional output that a call with its attributes does not have is no tensor. */
export interface Ran<S extends Signature> extends Seen<S> {
  readonly inputs: S["inputs"];
  readonly outputs: Present<S["outputs"]>;
}

interface Takes {
  /**
   * Takes over the gradient that an input has already, from its other uses: the rule then returns the sum. For rules that can
   * add to it on the way; the tape adds for the others.
   */
  takeSum(this: void, input: number): Tensor | null;
}

/**
 * How gradients flow through one op: the vector-Jacobian product, and what of the forward pass it reads. A row that reads something is
 * made by `rule`, so that its `vjp` sees what it reads and nothing else.
 */
export interface Vjp<S extends Signature> {
  /** Inputs and outputs, by name: the tape keeps these and no others. */
  reads?(ran: Ran<S>): Reads;
  readonly recompute?: Recompute<S, Reads, Reads>;
  vjp(dy: Cotangents<S["outputs"]>, seen: Seen<S> & Takes): Grads<S["inputs"]>;
}

/**
 * How an output that only the backward reads is made again from inputs. It has no gradient, so where another tape watches the way back,
 * a second derivative passes through the one that is made again.
 */
export interface Recompute<S extends Signature, R extends Reads, From extends Reads> {
  /** Inputs, by name: kept only where another tape may watch. `null` where nothing is to be made again. */
  reads(ran: Ran<S>): From | null;
  make(from: Seen<S> & From): Partial<R>;
}

interface ReadingVjp<S extends Signature, R extends Reads, From extends Reads> {
  reads(ran: Ran<S>): R;
  readonly recompute?: Recompute<S, R, From>;
  vjp(dy: Cotangents<S["outputs"]>, seen: Seen<S> & Takes & R): Grads<S["inputs"]>;
}

/**
 * A row that reads something of the forward pass.
 *
 * @example
 * // d tanh x = (1 − tanh² x) dx
 * rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [tanhBackward(dy, y)] });
 */
export const rule = <S extends Signature, R extends Reads, From extends Reads>(row: ReadingVjp<S, R, From>): Vjp<S> =>
  row;

/** A row for every op that a family exports: leaving one out does not compile. */
export type VjpTable<M> = {
  readonly [K in keyof OpsOf<M>]: Vjp<SigOf<OpsOf<M>[K]>> | typeof notDifferentiable | typeof onceDifferentiable;
};

/** A table for every family of a record: leaving one out does not compile. */
export type VjpTables<Families> = { readonly [F in keyof Families]: VjpTable<Families[F]> };

/** A row as the tape uses it, which knows nothing of its op. */
export type Rule = typeof notDifferentiable | typeof onceDifferentiable | AnyVjp;
export interface AnyVjp {
  reads?(ran: AnyRan): Reads;
  readonly recompute?: AnyRecompute;
  vjp(dy: readonly (Tensor | null)[], seen: AnySeen & Takes): readonly (Tensor | null)[];
}
export interface AnyRecompute {
  reads(ran: AnyRan): Reads | null;
  make(from: AnySeen): Partial<Reads>;
}
export interface AnySeen {
  readonly attrs: object;
  readonly scalars: object;
  readonly needs: readonly (boolean | null)[];
  readonly shapes: readonly (readonly number[] | null)[];
}
export interface AnyRan extends AnySeen {
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
 *   scale: { vjp: ([dy], { attrs: { k } }) => [family.scale(dy, k)] },
 * });
 */
export const defineVjps = <M extends object>(ops: M, table: VjpTable<M>): void => {
  const family = ops as { readonly [name: string]: Op<Signature> };
  for (const [name, rule] of Object.entries(table as { readonly [name: string]: Rule }))
    rules.set(family[`${name}Op`]!, rule);
};

/** Teaches autograd the gradients of all families of a record. */
export const defineFamilyVjps = <F extends { readonly [name: string]: object }>(
  families: F,
  tables: VjpTables<F>,
): void => {
  for (const name of Object.keys(families) as (keyof F)[]) defineVjps(families[name]!, tables[name]);
};

/** The row of an op, if its family was taught. */
export const ruleOf = (op: Op<Signature>): Rule | undefined => rules.get(op);
