import {
  ArgumentError,
  gather,
  mul,
  numel,
  pad,
  reshape,
  ShapeError,
  squeeze,
  sum,
  tensor,
  unsqueeze,
  type Tensor,
} from "@tessera/tensor";
import { namedScope, run, showShape } from "@tessera/tensor/extend";
import { batched, columnsOf, pairOf, type Size2d } from "./sizes.ts";
import { spanOf } from "./windows/window-count.ts";
import { maxPoolIndicesOp, windows, type Pair } from "./windows/windows.ts";

/** Of pooling over sizes of this kind. */
export interface PoolOptions<Size> {
  /** How far windows are apart; as far as they are wide unless said otherwise. */
  readonly stride?: Size | undefined;
  /** How far windows reach outside on each side, up to half of their width; 0 unless said otherwise. */
  readonly padding?: Size | undefined;
  /** Whether windows that reach outside at the end count, as long as they start inside, or in the padding before. */
  readonly ceilMode?: boolean | undefined;
}

export interface MaxPoolOptions<Size> extends PoolOptions<Size> {
  /** How far elements of a window are apart; 1 unless said otherwise. */
  readonly dilation?: Size | undefined;
}

export interface AvgPoolOptions<Size> extends PoolOptions<Size> {
  /** Whether padding counts as zeros, as it does unless said otherwise. */
  readonly countIncludePad?: boolean | undefined;
  /** What sums are divided by, in place of the elements of their window. */
  readonly divisorOverride?: number | undefined;
}

const PLANES = ["channels", "height", "width"];
const LINES = ["channels", "length"];

/**
 * The largest element of each window of a plane. Of equal ones the first has the gradient; NaN is larger than all.
 *
 * Shape: `[batch, channels, height, width]` → `[batch, channels, …, …]`, of sizes ⌊(size + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1;
 * without a batch likewise. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html torch.nn.functional.max_pool2d}
 *
 * @throws ShapeError when no window fits; ArgumentError when an option is outside its domain, such as padding of more than half of the kernel.
 * @example
 * maxPool2d(randn([1, 3, 8, 8]), 2).shape; // [1, 3, 4, 4]
 */
export const maxPool2d = (x: Tensor, kernelSize: Size2d, options: MaxPoolOptions<Size2d> = {}): Tensor =>
  namedScope("maxPool2d", () => {
    const y = maxPool("maxPool2d", batched("maxPool2d", x, PLANES), kernelSize, options);
    return x.ndim === 3 ? squeeze(y, 0) : y;
  });

/**
 * `maxPool2d` along one dim.
 *
 * Shape: `[batch, channels, length]` → `[batch, channels, …]`; without a batch likewise. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html torch.nn.functional.max_pool1d}
 *
 * @throws ShapeError when no window fits; ArgumentError when an option is outside its domain.
 * @example
 * await maxPool1d(tensor([[1, 3, 2, 4]]), 2).data(); // [3, 4]
 */
export const maxPool1d = (x: Tensor, kernelSize: number, options: MaxPoolOptions<number> = {}): Tensor =>
  namedScope("maxPool1d", () => {
    const { dilation, ...rest } = options;
    const how = { ...alongColumns(rest), dilation: columnsOf(dilation, 1) };
    const y = maxPool("maxPool1d", unsqueeze(batched("maxPool1d", x, LINES), 2), [1, kernelSize], how);
    return squeeze(x.ndim === 2 ? squeeze(y, 0) : y, -2);
  });

/**
 * The mean of each window of a plane.
 *
 * Shape: `[batch, channels, height, width]` → `[batch, channels, …, …]`, of sizes ⌊(size + 2 padding − kernel) / stride⌋ + 1; without a batch
 * likewise. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html torch.nn.functional.avg_pool2d}
 *
 * @throws ShapeError when no window fits; ArgumentError when an option is outside its domain, such as padding of more than half of the kernel.
 * @example
 * avgPool2d(ones([1, 3, 8, 8]), 3, { stride: 2, padding: 1 }).shape; // [1, 3, 4, 4]
 */
export const avgPool2d = (x: Tensor, kernelSize: Size2d, options: AvgPoolOptions<Size2d> = {}): Tensor =>
  namedScope("avgPool2d", () => {
    const y = avgPool("avgPool2d", batched("avgPool2d", x, PLANES), kernelSize, options);
    return x.ndim === 3 ? squeeze(y, 0) : y;
  });

/**
 * `avgPool2d` along one dim.
 *
 * Shape: `[batch, channels, length]` → `[batch, channels, …]`; without a batch likewise. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html torch.nn.functional.avg_pool1d}
 *
 * @throws ShapeError when no window fits; ArgumentError when an option is outside its domain.
 * @example
 * await avgPool1d(tensor([[1, 3, 2, 4]]), 2).data(); // [2, 3]
 */
export const avgPool1d = (
  x: Tensor,
  kernelSize: number,
  options: Omit<AvgPoolOptions<number>, "divisorOverride"> = {},
): Tensor =>
  namedScope("avgPool1d", () => {
    const how = { ...alongColumns(options), countIncludePad: options.countIncludePad };
    const y = avgPool("avgPool1d", unsqueeze(batched("avgPool1d", x, LINES), 2), [1, kernelSize], how);
    return squeeze(x.ndim === 2 ? squeeze(y, 0) : y, -2);
  });

const alongColumns = ({ stride, padding, ceilMode }: PoolOptions<number>): PoolOptions<Size2d> => ({
  stride: columnsOf(stride, 1),
  padding: columnsOf(padding, 0),
  ceilMode,
});

interface Places {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** How many windows there are. */
  readonly sizes: Pair;
}

/** Where the windows are. */
const placesOf = (
  op: string,
  x: Tensor,
  kernelSize: Size2d,
  { stride = kernelSize, padding = 0, ceilMode = false }: PoolOptions<Size2d>,
  dilation: Pair,
): Places => {
  const kernel = pairOf(op, "kernelSize", kernelSize, 1);
  const steps = pairOf(op, "stride", stride, 1);
  const around = pairOf(op, "padding", padding, 0);
  const sizes = [0, 1].map((d) => {
    const at = d as 0 | 1;
    if (2 * around[at] > kernel[at])
      throw new ArgumentError(`${op}: padding is up to half of the kernel, got ${around[at]} for ${kernel[at]}`);
    const n = x.size(2 + at);
    const room = n + 2 * around[at] - spanOf(kernel[at], dilation[at]);
    const count = (ceilMode ? Math.ceil : Math.floor)(room / steps[at]) + 1;
    // The last window starts inside, or in the padding before.
    return ceilMode && (count - 1) * steps[at] >= n + around[at] ? count - 1 : count;
  });
  if (sizes.some((size) => size < 1))
    throw new ShapeError(
      `${op}: expected planes that a window of ${kernel.join(" × ")} fits into, got ${showShape(x.shape.slice(2))} with padding ${showShape(around)}; pad more, or take smaller windows`,
    );
  return { kernel, stride: steps, padding: around, sizes: [sizes[0]!, sizes[1]!] };
};

const maxPool = (
  op: string,
  x: Tensor,
  kernelSize: Size2d,
  { dilation = 1, ...options }: MaxPoolOptions<Size2d>,
): Tensor => {
  const apart = pairOf(op, "dilation", dilation, 1);
  const places = placesOf(op, x, kernelSize, options, apart);
  const indices = run(maxPoolIndicesOp, [x], { ...places, dilation: apart })[0];
  const [batch, channels] = x.shape as [number, number];
  const planes = reshape(x, [batch, channels, numel(x.shape.slice(2))]);
  const largest = gather(planes, 2, reshape(indices, [batch, channels, numel(places.sizes)]));
  return reshape(largest, [batch, channels, ...places.sizes]);
};

const avgPool = (
  op: string,
  x: Tensor,
  kernelSize: Size2d,
  { countIncludePad = true, divisorOverride, ...options }: AvgPoolOptions<Size2d>,
): Tensor => {
  const places = placesOf(op, x, kernelSize, options, [1, 1]);
  if (divisorOverride !== undefined && (divisorOverride === 0 || !Number.isFinite(divisorOverride)))
    throw new ArgumentError(`${op}: divisorOverride is a number other than 0, got ${divisorOverride}`);
  const { kernel, stride, padding, sizes } = places;
  const behind = ([0, 1] as const).map(
    (at) => (sizes[at] - 1) * stride[at] + kernel[at] - padding[at] - x.size(2 + at),
  );
  const padded = pad(x, [padding[1], behind[1]!, padding[0], behind[0]!]);
  const inRows = sum(windows(padded, 2, kernel[0], { step: stride[0] }), { dim: 2 });
  const sums = sum(windows(inRows, 3, kernel[1], { step: stride[1] }), { dim: 3 });
  return mul(sums, divisorOverride === undefined ? factors(x, places, countIncludePad) : 1 / divisorOverride);
};

/** One by the number of elements of each window, those in the padding among them or not. */
const factors = (x: Tensor, { kernel, stride, padding, sizes }: Places, padded: boolean): Tensor | number => {
  const counts = ([0, 1] as const).map((at) => {
    const n = x.size(2 + at);
    const [first, last] = padded ? [-padding[at], n + padding[at]] : [0, n];
    return Array.from({ length: sizes[at] }, (_, l) => {
      const start = l * stride[at] - padding[at];
      return Math.min(start + kernel[at], last) - Math.max(start, first);
    });
  });
  const [rows, columns] = counts as [number[], number[]];
  const alike = (list: readonly number[]): boolean => list.every((count) => count === list[0]);
  if (alike(rows) && alike(columns)) return 1 / (rows[0]! * columns[0]!);
  const each = rows.flatMap((row) => columns.map((column) => 1 / (row * column)));
  return tensor(Float32Array.from(each), sizes, { device: x.device });
};
