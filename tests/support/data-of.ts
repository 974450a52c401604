import { scope, type Tensor, type TypedArray } from "@tessera/tensor";

/** The elements of the tensors that `fn` makes, on any device. The tensors are freed. */
export const dataOf = <const T extends readonly Tensor[]>(
  fn: () => T,
): Promise<{ -readonly [K in keyof T]: TypedArray }> =>
  scope(() => ({ read: Promise.all(fn().map((x) => x.data())) })).read as Promise<{
    -readonly [K in keyof T]: TypedArray;
  }>;
