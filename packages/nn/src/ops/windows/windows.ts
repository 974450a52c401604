import { defineVjps, notDifferentiable } from "@tessera/autograd";
import { DTypeError, narrow, reshape, ShapeError, transpose, type Tensor } from "@tessera/tensor";
import {
  checkCount,
  defineOp,
  namedScope,
  normalizeDim,
  run,
  showShape,
  type Layout,
  type TensorSpec,
} from "@tessera/tensor/extend";
import { countWindows, spanOf } from "./window-count.ts";
import { maxPoolIndicesCpu, overlapAddCpu } from "./windows.cpu.ts";
import { maxPoolIndicesReference, overlapAddReference } from "./windows.reference.ts";
import { maxPoolIndicesWgsl, overlapAddWgsl } from "./windows.wgsl.ts";

/** Windows of `size` elements, `dilation` apart, that start every `step` elements along a dim. */
export interface WindowsAttrs {
  readonly dim: number;
  readonly size: number;
  readonly step: number;
  readonly dilation: number;
}
export interface WindowsSignature {
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: WindowsAttrs;
}
/** `n`: size of the dim that the windows were of. */
export interface OverlapAddSignature {
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { readonly dim: number; readonly n: number; readonly step: number; readonly dilation: number };
}
/** Two numbers: of rows and of columns. */
export type Pair = readonly [rows: number, columns: number];
/** Windows over the last two dims, `padding` elements outside of them on each side; `sizes` of them. */
export interface PoolAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly sizes: Pair;
}
export interface MaxPoolIndicesSignature {
  inputs: [x: Tensor];
  outputs: [indices: Tensor];
  attrs: PoolAttrs;
}

const placed = <T>(list: readonly T[], dim: number, from: number, ...others: readonly T[]): T[] => [
  ...list.slice(0, dim),
  ...others,
  ...list.slice(dim + from),
];

/** y[…, k, l, …] = x[…, l · step + k · dilation, …]: a view. */
export const windowsOp = defineOp<WindowsSignature>({
  name: "windows",
  family: "copies",
  infer: ([x], attrs) => [{ shape: windowShape(x, attrs), dtype: x.dtype }],
  kernels: {
    view: (x: Layout, attrs) => {
      const { dim, step, dilation } = attrs;
      const stride = x.strides[dim]!;
      return {
        shape: windowShape(x, attrs),
        dtype: x.dtype,
        offset: x.offset,
        strides: placed(x.strides, dim, 1, stride * dilation, stride * step),
      };
    },
  },
});

const windowShape = ({ shape }: TensorSpec, { dim, size, step, dilation }: WindowsAttrs): number[] => {
  const count = countWindows(shape[dim]!, spanOf(size, dilation), step);
  if (count < 1)
    throw new ShapeError(
      `windows: expected at least ${spanOf(size, dilation)} elements at dim ${dim} for a window of ${size}, got ${showShape(shape)}; pad it`,
    );
  return placed(shape, dim, 1, size, count);
};

/** y[…, i, …] = Σ x[…, k, l, …] over all k, l with l · step + k · dilation = i: the gradient of `windowsOp`, and it of this. */
export const overlapAddOp = defineOp<OverlapAddSignature>({
  name: "overlapAdd",
  family: "copies",
  infer: ([x], { dim, n, step, dilation }) => {
    if (x.dtype !== "float32")
      throw new DTypeError(`overlapAdd: expected float32, got ${x.dtype}; cast(x, "float32") first?`);
    const [size, count] = x.shape.slice(dim, dim + 2);
    if (size === undefined || count === undefined)
      throw new ShapeError(`overlapAdd: expected windows at dims ${dim} and ${dim + 1}, got ${showShape(x.shape)}`);
    const expected = countWindows(n, spanOf(size, dilation), step);
    if (expected !== count)
      throw new ShapeError(
        `overlapAdd: expected ${expected} windows of ${size} for ${n} elements at dim ${dim}, got ${showShape(x.shape)}`,
      );
    return [{ shape: placed(x.shape, dim, 2, n), dtype: "float32" }];
  },
  kernels: { reference: overlapAddReference, cpu: overlapAddCpu, webgpu: overlapAddWgsl },
});

/**
 * Where in its plane, counted row by row, the largest element of each window is: the first of equal ones; of NaNs, which
 * are larger than all, the last, as in torch.
 */
export const maxPoolIndicesOp = defineOp<MaxPoolIndicesSignature>({
  name: "maxPoolIndices",
  family: "reductions",
  infer: ([x], { kernel, stride, padding, dilation, sizes }) => {
    if (x.dtype !== "float32")
      throw new DTypeError(`maxPoolIndices: expected float32, got ${x.dtype}; cast(x, "float32") first?`);
    for (const at of [0, 1] as const) {
      const n = x.shape[x.shape.length - 2 + at]!;
      for (let l = 0; l < sizes[at]; l++) {
        const start = l * stride[at] - padding[at];
        const first = start < 0 ? start + Math.ceil(-start / dilation[at]) * dilation[at] : start;
        if (first >= n || first > start + (kernel[at] - 1) * dilation[at])
          throw new ShapeError(
            `maxPoolIndices: window ${l} of ${showShape(kernel)}, dilation ${showShape(dilation)}, has no element of ${showShape(x.shape)}; pad less`,
          );
      }
    }
    return [{ shape: [...x.shape.slice(0, -2), ...sizes], dtype: "int32" }];
  },
  kernels: { reference: maxPoolIndicesReference, cpu: maxPoolIndicesCpu, webgpu: maxPoolIndicesWgsl },
});

defineVjps(
  { windowsOp, overlapAddOp, maxPoolIndicesOp },
  {
    windows: {
      vjp: ([dy], { attrs: { dim, step, dilation }, shapes: [shape] }) => [
        run(overlapAddOp, [dy], { dim, n: shape[dim]!, step, dilation })[0],
      ],
    },
    overlapAdd: {
      vjp: ([dy], { attrs: { dim, step, dilation }, shapes: [shape] }) => [
        run(windowsOp, [dy], { dim, size: shape[dim]!, step, dilation })[0],
      ],
    },
    maxPoolIndices: notDifferentiable,
  },
);

/** How windows follow each other; 1 and 1 unless said otherwise. */
export interface WindowsOptions {
  readonly step?: number | undefined;
  readonly dilation?: number | undefined;
}

/**
 * All windows of `size` elements along a dim, as a view: element k of window l is x[…, l · step + k · dilation, …]. What is left
 * over at the end is in no window. Windows that do not overlap have a gradient that is a move; that of others is a sum.
 *
 * Shape: `[…, n, …]` → `[…, size, count, …]`, with count = ⌊(n − dilation (size − 1) − 1) / step⌋ + 1. What
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unfold.html torch.Tensor.unfold} gives, with the window's dim
 * before that of the windows and not at the end.
 *
 * @throws ShapeError when no window fits, ArgumentError when a number is no whole number from 1 up.
 * @example
 * await windows(tensor([1, 2, 3, 4]), 0, 2).data(); // [1, 2, 3, 2, 3, 4]
 */
export const windows = (
  x: Tensor,
  dim: number,
  size: number,
  { step = 1, dilation = 1 }: WindowsOptions = {},
): Tensor => {
  const at = normalizeDim("windows", dim, x.shape);
  for (const [name, value] of Object.entries({ size, step, dilation })) checkCount("windows", name, value, 1);
  if (x.ndim === 0) throw new ShapeError("windows: a 0-d tensor has no dim to cut; reshape it");
  if (step !== size || dilation !== 1) return run(windowsOp, [x], { dim: at, size, step, dilation })[0];
  return namedScope("windows", () => {
    const [, count = 0] = windowShape(x, { dim: at, size, step, dilation }).slice(at);
    const whole = count * size === x.size(at) ? x : narrow(x, at, 0, count * size);
    return transpose(reshape(whole, placed(x.shape, at, 1, count, size)), at, at + 1);
  });
};

/** How windows lie in what they are added up to. */
export interface OverlapAddOptions extends WindowsOptions {
  /** Size of the dim that the windows are added up to. */
  readonly n: number;
}

/**
 * The sum of windows where they overlap, 0 where there is none: y[…, i, …] = Σ x[…, k, l, …] over all k, l with
 * l · step + k · dilation = i. The reverse of `windows`, and its gradient.
 *
 * Shape: `[…, size, count, …]` → `[…, n, …]`, `dim` being that of n and of size. float32 only.
 *
 * @throws ShapeError when n elements do not have `count` windows.
 * @example
 * await overlapAdd(ones([2, 3]), 0, { n: 4 }).data(); // [1, 2, 2, 1]
 */
export const overlapAdd = (x: Tensor, dim: number, { n, step = 1, dilation = 1 }: OverlapAddOptions): Tensor => {
  const at = normalizeDim("overlapAdd", dim, x.shape);
  checkCount("overlapAdd", "n", n);
  for (const [name, value] of Object.entries({ step, dilation })) checkCount("overlapAdd", name, value, 1);
  return run(overlapAddOp, [x], { dim: at, n, step, dilation })[0];
};
