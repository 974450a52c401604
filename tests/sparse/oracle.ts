import { BlockLayout, blockIndex, type BlockIndex } from "@tessera/sparse";
import type { Backend } from "@tessera/tensor";
import { uniforms } from "../support/generate.ts";

/** A matrix with a block mask, and the products with it in plain float64: dense loops over W ⊙ mask that know no blocks. */
export interface MaskedCase {
  readonly note: string;
  readonly layout: BlockLayout;
  readonly shape: readonly [number, number];
  readonly tokens: number;
}

/** Signed normal numbers, rounded to float32 as the kernels see them. */
export const normals = (count: number, seed: number): Float32Array => {
  const uniform = uniforms(seed);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
};

/** W where its block is stored, 0 elsewhere: `[out, in]`. */
export const masked = (
  w: ArrayLike<number>,
  layout: BlockLayout,
  [outputs, inputs]: readonly [number, number],
): Float64Array => {
  const mask = layout.mask();
  return Float64Array.from({ length: outputs * inputs }, (_, at) => {
    const [row, col] = [
      Math.floor(Math.floor(at / inputs) / layout.blockSize),
      Math.floor((at % inputs) / layout.blockSize),
    ];
    return mask[row * layout.cols + col] ? w[at]! : 0;
  });
};

/** a [m, k] · b [k, n], each read through its strides. */
const multiply = (
  a: ArrayLike<number>,
  [rowA, colA]: readonly [number, number],
  b: ArrayLike<number>,
  [rowB, colB]: readonly [number, number],
  [m, k, n]: readonly [number, number, number],
): Float64Array => {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const factor = a[i * rowA + p * colA]!;
      if (factor !== 0) for (let j = 0; j < n; j++) c[i * n + j]! += factor * b[p * rowB + j * colB]!;
    }
  return c;
};

/** y = x Wᵀ + bias, for masked W. */
export const forwardOracle = (
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  bias: ArrayLike<number>,
  tokens: number,
  [outputs, inputs]: readonly [number, number],
): Float64Array =>
  multiply(x, [inputs, 1], w, [1, inputs], [tokens, inputs, outputs]).map((value, at) => value + bias[at % outputs]!);

/** dx = dy W, for masked W. */
export const inputGradientOracle = (
  dy: ArrayLike<number>,
  w: ArrayLike<number>,
  tokens: number,
  [outputs, inputs]: readonly [number, number],
): Float64Array => multiply(dy, [outputs, 1], w, [inputs, 1], [tokens, outputs, inputs]);

/** dW = dyᵀ x in full; the caller masks it. */
export const weightGradientOracle = (
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  tokens: number,
  [outputs, inputs]: readonly [number, number],
): Float64Array => multiply(dy, [1, outputs], x, [inputs, 1], [outputs, tokens, inputs]);

/** A layout of about half of the blocks with one empty row and one empty column, seeded. */
export const holedLayout = (rows: number, cols: number, blockSize: number, seed: number): BlockLayout => {
  const uniform = uniforms(seed);
  const mask = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: cols }, (_, col) => (row === 1 || col === cols - 2 ? 0 : uniform() < 0.6 ? 1 : 0)),
  );
  mask[0]![0] = 1;
  mask[rows - 1]![cols - 1] = 1;
  return BlockLayout.fromMask(mask, rows, cols, blockSize);
};

export const indexOn = (layout: BlockLayout, shape: readonly [number, number], device: Backend): BlockIndex =>
  blockIndex(layout, shape, device);

/** The largest difference, relative to the largest number wanted; NaN and a wrong length fail. */
export const worstError = (got: ArrayLike<number>, want: ArrayLike<number>): number => {
  if (got.length !== want.length) return Infinity;
  let [scale, worst] = [1e-3, 0];
  for (let i = 0; i < want.length; i++) scale = Math.max(scale, Math.abs(want[i]!));
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    if (!(error <= worst)) worst = error;
  }
  return worst / scale;
};
