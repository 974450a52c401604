import type { Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { Tolerance } from "./sample.ts";

export interface Values {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: ArrayLike<number>;
}

/** How another suite bounds an error: |a − b| ≤ rtol·|b| + atol, or so many steps of float32 (of 1, for whole numbers). */
export type Bound = { readonly rtol: number; readonly atol: number } | { readonly ulp: number };

/** The distance of a float32 from the next one that is larger in size. */
const stepAt = (b: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(b))), -126) - 23);

const boundAt = (bound: Bound, b: number, dtype: string): number => {
  if ("ulp" in bound) return bound.ulp * (dtype === "float32" ? stepAt(b) : 1);
  return bound.rtol * Math.abs(b) + bound.atol;
};

/** What lies on any device, on the host. */
export const valuesOf = async (x: Tensor): Promise<Values> => ({
  shape: x.shape,
  dtype: x.dtype,
  values: await x.data(),
});

/** The worst element by `error / allowed`; `null` when every one is within bounds. NaN equals only NaN, ∞ only itself. */
const worst = (
  got: Values,
  want: Values,
  tolerance: Tolerance,
  bound: Bound | undefined,
): { i: number; error: number; allowed: number } | null => {
  let scale = 0;
  for (let i = 0; i < want.values.length; i++)
    if (Number.isFinite(want.values[i]!)) scale = Math.max(scale, Math.abs(want.values[i]!));
  let found: { i: number; error: number; allowed: number; excess: number } | null = null;
  for (let i = 0; i < want.values.length; i++) {
    const [a, b] = [got.values[i]!, want.values[i]!];
    if (Object.is(a, b) || a === b) continue;
    const ours =
      tolerance === "equal" || !Number.isFinite(b)
        ? 0
        : "each" in tolerance
          ? tolerance.each * Math.abs(b) + tolerance.each / 10
          : tolerance.relative * Math.max(scale, 1e-3);
    const allowed = bound && Number.isFinite(b) ? Math.max(ours, boundAt(bound, b, want.dtype)) : ours;
    const error = Math.abs(a - b);
    const excess = Number.isNaN(error) ? Infinity : error / Math.max(allowed, Number.MIN_VALUE);
    if (!(error <= allowed) && (!found || excess > found.excess)) found = { i, error, allowed, excess };
  }
  return found;
};

const place = (i: number, shape: readonly number[]): string => {
  const index: number[] = [];
  for (const size of [...shape].reverse()) {
    index.unshift(i % size);
    i = Math.floor(i / size);
  }
  return showShape(index);
};

/**
 * Why two tensors differ, with the worst index, both values and the error; `null` when they agree. With a bound beside the
 * tolerance, the looser of both counts.
 */
export const difference = (got: Values, want: Values, tolerance: Tolerance, bound?: Bound): string | null => {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype}, expected ${want.dtype}`;
  if (showShape(got.shape) !== showShape(want.shape))
    return `shape ${showShape(got.shape)}, expected ${showShape(want.shape)}`;
  const bad = worst(got, want, tolerance, bound);
  if (!bad) return null;
  const { i, error, allowed } = bad;
  return `at ${place(i, want.shape)} of ${showShape(want.shape)}: got ${got.values[i]}, expected ${want.values[i]}, error ${error.toExponential(2)} > ${allowed.toExponential(2)}`;
};
