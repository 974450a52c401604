import { normals } from "../random-data.ts";

/** The sizes of an encoder and of its batch. */
export interface EncoderSizes {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly batch: number;
  readonly tokens: number;
}

/** A matrix [out, in] or a vector, on the host. */
export interface HostWeight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * One training problem for every library. A layer, with the norm before its part (pre-LN):
 *
 * x += attention(norm1(x)), x += down(geluTanh(up(norm2(x)))); attention(a) = out(softmax(q kᵀ/√d) v) of q, k, v = query(a), key(a), value(a).
 *
 * The loss is the mean squared distance to the target; Adam with the constants below.
 */
export interface EncoderProblem {
  readonly sizes: EncoderSizes;
  /** By the names of `weightNames`, with a layer's number before them. */
  readonly weights: ReadonlyMap<string, HostWeight>;
  /** `[batch, tokens, hidden]` */
  readonly input: Float32Array;
  readonly target: Float32Array;
}

export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 } as const;
export const NORM_EPS = 1e-5;

const linears = (hidden: number, feedForward: number): Readonly<Record<string, readonly [number, number]>> => ({
  query: [hidden, hidden],
  key: [hidden, hidden],
  value: [hidden, hidden],
  out: [hidden, hidden],
  up: [feedForward, hidden],
  down: [hidden, feedForward],
});

export const encoderProblem = (sizes: EncoderSizes): EncoderProblem => {
  const { layers, hidden, feedForward, batch, tokens } = sizes;
  const weights = new Map<string, HostWeight>();
  let seed = 1;
  const put = (name: string, shape: readonly number[], scale: number, mean = 0): void => {
    const length = shape.reduce((product, size) => product * size, 1);
    weights.set(name, { shape, data: normals(length, seed++, scale).map((value) => value + mean) });
  };
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, [outputs, inputs]] of Object.entries(linears(hidden, feedForward))) {
      put(`${layer}.${name}.weight`, [outputs, inputs], 1 / Math.sqrt(inputs));
      put(`${layer}.${name}.bias`, [outputs], 0.02);
    }
    for (const name of ["norm1", "norm2"]) {
      put(`${layer}.${name}.weight`, [hidden], 0.02, 1);
      put(`${layer}.${name}.bias`, [hidden], 0.02);
    }
  }
  const length = batch * tokens * hidden;
  return { sizes, weights, input: normals(length, 1001), target: normals(length, 1002) };
};

/** A weight [out, in] as [in, out], for libraries that multiply from the left. */
export const transposed = ({ shape, data }: HostWeight): HostWeight => {
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined) return { shape, data };
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * rows + row] = data[row * columns + column]!;
  return { shape: [columns, rows], data: out };
};

/** Multiply-adds of the products of one forward pass, times two. */
export const encoderFlops = ({ layers, hidden, feedForward, batch, tokens }: EncoderSizes): number =>
  2 * layers * batch * tokens * (4 * hidden * hidden + 2 * hidden * feedForward + 2 * tokens * hidden);
