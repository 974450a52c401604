import type { Tensor } from "@tessera/tensor";
import type { Gen } from "./generate.ts";

type Arg<T> = T extends Tensor
  ? Gen
  : T extends readonly Tensor[]
    ? readonly Gen[]
    : T extends object
      ? { readonly [K in keyof T]: Arg<T[K]> }
      : T;
type Args<P extends readonly unknown[]> = { readonly [I in keyof P]: Arg<P[I]> };

/** One call of a public function: it drives conformance, gradient checks, benches and the table of support. */
export interface Sample<F> {
  readonly args: F extends (...args: infer P) => unknown ? Args<P> : never;
  /** The call fails with this message. */
  readonly throws?: RegExp;
  readonly note?: string;
  /** `"equal"` for moves and integers; else the error allowed relative to the largest value, or per element. */
  readonly within?: Tolerance;
  /** The same for the gradient: of a move that repeats elements it is a sum. */
  readonly gradientWithin?: Tolerance;
  /** Not checked by finite differences, with the reason: a corner, a constant. */
  readonly noGradient?: string;
}

/** `relative`: |a − b| ≤ t·max(max|b|, 1e-3). `each`: |a − b| ≤ t·|b| + t/10. */
export type Tolerance = "equal" | { readonly relative: number } | { readonly each: number };

/** What a family's samples are compared with, where a sample does not say. */
export interface FamilyTolerance {
  readonly forward: Tolerance;
  readonly gradient: Tolerance;
}
/** float32 functions are within a few units in the last place. */
export const each = { forward: { each: 1e-5 }, gradient: { each: 1e-5 } } as const satisfies FamilyTolerance;
/** Sums and products grow errors with their length. */
export const sums = {
  forward: { relative: 1e-5 },
  gradient: { relative: 1e-4 },
} as const satisfies FamilyTolerance;
export const exact = { forward: "equal", gradient: "equal" } as const satisfies FamilyTolerance;

/** A row of samples for each public function of a module. */
export type SampleTable<M> = {
  readonly [
    K in keyof M as K extends `${string}Op`
      ? never
      : M[K] extends (...args: never[]) => infer R
        ? // What answers later has tests of its own.
          R extends Promise<unknown>
          ? never
          : K
        : never
  ]: readonly Sample<M[K]>[];
};

/** The samples of every family of a record. */
export type SampleTables<Families> = { readonly [F in keyof Families]: SampleTable<Families[F]> };
