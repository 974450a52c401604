import type * as t from "@tessera/tensor";
import type { DType, Tensor } from "@tessera/tensor";
import type { Choices, JsonNumber } from "./programs.ts";

/** What a value is. */
export interface Spec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A call that was drawn. */
export interface Drawn {
  readonly op: string;
  readonly args: readonly number[];
  readonly attrs: { readonly [name: string]: unknown };
  readonly spec: Spec;
}

/** What a draw may look at: `at` is the value to begin with. */
export interface Draw {
  readonly choices: Choices;
  readonly at: number;
  readonly specs: readonly Spec[];
  /** Makes one more input; returns the number of its value. */
  readonly addInput: (spec: Spec, data?: readonly JsonNumber[]) => number;
}

export type Attrs = { readonly [name: string]: unknown };

/**
 * How close two devices must come, given the same operands: equal; per element; or relative to the size of what is summed, which
 * is said by how many terms of which products there are.
 */
export type Closeness = "equal" | "each" | "summed";

export interface ProgramOp {
  readonly name: string;
  /** A call of it on values that fit; `null` where none does. */
  readonly draw: (draw: Draw) => Omit<Drawn, "op"> | null;
  readonly call: (args: readonly Tensor[], attrs: Attrs) => Tensor;
  readonly within: Closeness;
}

export const list = (value: unknown): number[] => value as number[];
export const num = (value: unknown): number => value as number;
export const float = (shape: readonly number[]): Spec => ({ shape, dtype: "float32" });
export const numel = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);

export type Shaped = (
  shape: readonly number[],
  draw: Draw,
) => { readonly attrs?: Attrs; readonly shape: readonly number[]; readonly dtype?: DType } | null;

/** An op of one float tensor. */
export const one = (
  name: string,
  within: Closeness,
  call: ProgramOp["call"],
  shaped: Shaped = (shape) => ({ shape }),
  dtypes: readonly DType[] = ["float32"],
): ProgramOp => ({
  name,
  within,
  call,
  draw: (draw) => {
    const spec = draw.specs[draw.at]!;
    if (!dtypes.includes(spec.dtype)) return null;
    const out = shaped(spec.shape, draw);
    return (
      out && { args: [draw.at], attrs: out.attrs ?? {}, spec: { shape: out.shape, dtype: out.dtype ?? spec.dtype } }
    );
  },
});

/** A shape that broadcasts with another: some of its first dims left out, some of the others 1. */
export const narrower = (shape: readonly number[], choices: Choices): number[] =>
  shape.slice(choices.below(shape.length + 1)).map((size) => (choices.below(3) === 2 ? 1 : size));

/** A second operand that broadcasts: a value that is there, or a new input. */
export const partner = (
  { choices, at, specs, addInput }: Draw,
  dtype: DType,
): { number: number; shape: readonly number[] } => {
  const { shape } = specs[at]!;
  const fits = specs.flatMap((spec, i) => (spec.dtype === dtype && joined(spec.shape, shape) ? [i] : []));
  if (choices.below(3) > 0) {
    const number = choices.pick(fits);
    return { number, shape: specs[number]!.shape };
  }
  const made = narrower(shape, choices);
  return { number: addInput({ shape: made, dtype }), shape: made };
};

/** The broadcast of two shapes, or `null`. */
export const joined = (a: readonly number[], b: readonly number[]): number[] | null => {
  const out: number[] = [];
  for (let d = 1; d <= Math.max(a.length, b.length); d++) {
    const [x, y] = [a.at(-d) ?? 1, b.at(-d) ?? 1];
    if (a.length >= d && b.length >= d && x !== y && x !== 1 && y !== 1) return null;
    out.unshift(x === 1 ? y : x);
  }
  return out;
};

/** An op of two tensors that broadcast. */
export const two = (
  name: string,
  within: Closeness,
  call: (a: Tensor, b: Tensor) => Tensor,
  { of = ["float32"] as readonly DType[], dtype }: { of?: readonly DType[]; dtype?: DType } = {},
): ProgramOp => ({
  name,
  within,
  call: ([a, b]) => call(a!, b!),
  draw: (draw) => {
    const spec = draw.specs[draw.at]!;
    if (!of.includes(spec.dtype)) return null;
    const other = partner(draw, spec.dtype);
    const shape = joined(spec.shape, other.shape);
    const args = draw.choices.below(2) === 0 ? [draw.at, other.number] : [other.number, draw.at];
    return shape && { args, attrs: {}, spec: { shape, dtype: dtype ?? spec.dtype } };
  },
});
export const dimOf = (shape: readonly number[], choices: Choices): number => {
  const dim = choices.below(shape.length);
  return choices.below(2) === 0 ? dim : dim - shape.length;
};
export const positive = (dim: number, rank: number): number => (dim < 0 ? dim + rank : dim);
export const without = (shape: readonly number[], dims: readonly number[], keepdim: boolean): number[] =>
  shape.flatMap((size, d) => (dims.includes(d) ? (keepdim ? [1] : []) : [size]));

/** A reduction over some dims, or all of them. */
export const reduced =
  ({ some = false }: { some?: boolean } = {}, more: (choices: Choices) => Attrs = () => ({})): Shaped =>
  (shape, { choices }) => {
    const keepdim = choices.below(2) === 1;
    const all = choices.below(3) === 0 || shape.length === 0;
    const dims = all ? [...shape.keys()] : [...new Set([choices.below(shape.length), choices.below(shape.length)])];
    if (some && dims.some((d) => shape[d] === 0)) return null;
    return {
      attrs: { ...(all ? {} : { dim: dims }), keepdim, ...more(choices) },
      shape: without(shape, dims, keepdim),
    };
  };
export const reduction = ({ dim, keepdim, ...more }: Attrs): t.ReduceOptions & Attrs => ({
  ...(dim === undefined ? {} : { dim: list(dim) }),
  keepdim: keepdim === true,
  ...more,
});
/** Along one dim, the shape kept. */
export const along: Shaped = (shape, { choices }) =>
  shape.length === 0 ? null : { attrs: { dim: dimOf(shape, choices) }, shape };

export const unary = (name: string, within: Closeness, call: (x: Tensor) => Tensor): ProgramOp =>
  one(name, within, ([x]) => call(x!));
export const MOVED: readonly DType[] = ["float32", "int32", "bool"];
export const moved = (name: string, call: ProgramOp["call"], shaped: Shaped): ProgramOp =>
  one(name, "equal", call, shaped, MOVED);

/** Class or row numbers as an input of their own. */
export const indexInput = ({ choices, addInput }: Draw, shape: readonly number[], size: number): number =>
  addInput(
    { shape, dtype: "int32" },
    Array.from({ length: numel(shape) }, () => choices.below(size)),
  );
