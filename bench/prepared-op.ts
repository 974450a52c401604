import type { Tensor } from "@tessera/tensor";

/** An op with its inputs in place. */
export interface PreparedOp {
  /** What must be read and written, at the least. */
  readonly bytes: number;
  /** One of the results, to look at. */
  compute(): Tensor;
  /** @throws CheckError unless the first result is what float64 gives. */
  check(got: ArrayLike<number>): void;
  readonly inputs: readonly Tensor[];
}
