import type { EncoderProblem } from "../cpu/encoder-problem.ts";

/** Rows, inner size and columns: [m, k] · [k, n]. */
export type ProductShape = readonly [m: number, k: number, n: number];

/** A computation with its inputs in place. */
export interface Prepared {
  run(): unknown;
  /** What it computes. */
  result(): Promise<ArrayLike<number>>;
  dispose(): void | Promise<void>;
}

/** A training whose next step gives the loss before it. */
export interface Training {
  step(): number | Promise<number>;
  dispose(): void | Promise<void>;
}

/** What a row-wise or elementwise op is called here and in the tables. */
export type SimpleOp = "exp" | "add" | "softmax" | "gelu" | "standardize";

/** Another library, with the threads it was loaded for. It may offer less than we measure. */
export interface Rival {
  readonly name: string;
  readonly version: string;
  product(a: Float32Array, b: Float32Array, shape: ProductShape): Promise<Prepared>;
  /** f(x), or x + x, of a matrix. */
  simple?(op: SimpleOp, x: Float32Array, shape: readonly [number, number]): Promise<Prepared>;
  encoder?(problem: EncoderProblem): Promise<Training>;
}
