import type { Tensor } from "@tessera/tensor";
import { Generator, permute, slice, tensor, type Backend, type DType, type TypedArray } from "@tessera/tensor";

/** A small generator for test data: SplitMix32, so that data does not depend on what is tested. */
export const uniforms = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
};

/** How test data lies in memory: in order, with its dims reversed, or as every second element of something larger. */
type Arrangement = "contiguous" | "transposed" | "strided";

/** Describes one input of a sample: values are made anew, from a seed, on each device. */
export class Gen {
  readonly shape: readonly number[];
  readonly dtype: DType;
  private readonly draw: (uniform: () => number, i: number) => number;
  private readonly arrangement: Arrangement;

  constructor(
    shape: readonly number[],
    dtype: DType,
    draw: (uniform: () => number, i: number) => number,
    arrangement: Arrangement = "contiguous",
  ) {
    this.shape = shape;
    this.dtype = dtype;
    this.draw = draw;
    this.arrangement = arrangement;
  }

  /** The same data as a view whose dims lie in reverse order. */
  get transposed(): Gen {
    return new Gen(this.shape, this.dtype, this.draw, "transposed");
  }

  /** The same data as every second element of a larger tensor. */
  get strided(): Gen {
    return new Gen(this.shape, this.dtype, this.draw, "strided");
  }

  /** The same data but for one element. */
  with(place: number, value: number): Gen {
    const { draw } = this;
    return new Gen(
      this.shape,
      this.dtype,
      (uniform, i) => {
        // Drawn in any case, so that the others stay as they are.
        const drawn = draw(uniform, i);
        return i === place ? value : drawn;
      },
      this.arrangement,
    );
  }

  /** Number of elements. */
  get count(): number {
    return this.shape.reduce((n, size) => n * size, 1);
  }

  values(seed: number): number[] {
    const uniform = uniforms(seed);
    const count = this.shape.reduce((n, size) => n * size, 1);
    return Array.from({ length: count }, (_, i) => this.draw(uniform, i));
  }

  make(seed: number, device: Backend): Tensor {
    return arrange(this.values(seed), this.shape, this.dtype, device, this.arrangement);
  }
}

const typed = (dtype: DType, values: readonly number[]): TypedArray =>
  dtype === "float32"
    ? Float32Array.from(values)
    : dtype === "int32"
      ? Int32Array.from(values)
      : Uint8Array.from(values);

const arrange = (
  values: readonly number[],
  shape: readonly number[],
  dtype: DType,
  device: Backend,
  arrangement: Arrangement,
): Tensor => {
  const options = { dtype, device };
  if (arrangement === "contiguous" || shape.length === 0) return tensor(typed(dtype, values), shape, options);
  if (arrangement === "strided") {
    // Each value beside one that must not be read.
    const last = shape.at(-1)!;
    const spread = values.flatMap((value) => [value, dtype === "bool" ? 1 - value : 77]);
    return slice(tensor(typed(dtype, spread), [...shape.slice(0, -1), 2 * last], options), -1, { step: 2 });
  }
  const plain = tensor(typed(dtype, values), shape, options);
  const order = shape.map((_, d) => shape.length - 1 - d);
  return permute(permute(plain, order).clone(), order);
};

/** Box–Muller. */
const gaussian = (uniform: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

/** Standard normal float32. */
export const normal = (...shape: number[]): Gen => new Gen(shape, "float32", gaussian);
/** Normal of a mean and a deviation. */
export const normalOf = (mean: number, deviation: number, ...shape: number[]): Gen =>
  new Gen(shape, "float32", (uniform) => mean + deviation * gaussian(uniform));
/** Uniform in [low, high). */
export const uniform = (low: number, high: number, ...shape: number[]): Gen =>
  new Gen(shape, "float32", (draw) => low + (high - low) * draw());
/** Between −3 and 3, `low` to `high` above a whole number: for functions with corners there, or for operands never close to each other. */
export const aboveWhole = (low: number, high: number, ...shape: number[]): Gen =>
  new Gen(shape, "float32", (draw) => Math.floor(6 * draw()) - 3 + low + (high - low) * draw());
/** Between −3 and 3, at least 0.1 from every whole number. */
export const offCorners = (...shape: number[]): Gen => aboveWhole(0.1, 0.9, ...shape);
/** All different, at least 0.1 apart, in an order without pattern. */
export const distinct = (...shape: number[]): Gen => {
  const count = shape.reduce((n, size) => n * size, 1);
  // 7919 is prime to every count used here, so i ↦ 7919 i mod count is a permutation.
  return new Gen(shape, "float32", (_, i) => 0.1 * ((i * 7919) % count) - 0.05 * count);
};
/** Whole numbers in [low, high). */
export const ints = (low: number, high: number, ...shape: number[]): Gen =>
  new Gen(shape, "int32", (draw) => low + Math.floor((high - low) * draw()));
/** True with probability p. */
export const bools = (p: number, ...shape: number[]): Gen => new Gen(shape, "bool", (draw) => (draw() < p ? 1 : 0));
/** Exactly these. */
export const values = (
  data: readonly number[],
  shape: readonly number[] = [data.length],
  dtype: DType = "float32",
): Gen => new Gen(shape, dtype, (_, i) => data[i]!);

/** A generator for ops that draw. */
export const seeded = (seed: number): Generator => new Generator(seed);
