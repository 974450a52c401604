import { narrow, pad, permute, reshape, ShapeError, squeeze, type Tensor } from "@tessera/tensor";
import { namedScope, showShape } from "@tessera/tensor/extend";
import { batched, pairOf, type Size2d } from "./sizes.ts";
import { countWindows, spanOf } from "./windows/window-count.ts";
import { overlapAdd, windows } from "./windows/windows.ts";

export interface UnfoldOptions {
  /** How far elements of a window are apart; 1 unless said otherwise. */
  readonly dilation?: Size2d | undefined;
  /** Zeros on each side; none unless said otherwise. */
  readonly padding?: Size2d | undefined;
  /** How far windows are apart; 1 unless said otherwise. */
  readonly stride?: Size2d | undefined;
}

const readOptions = (op: string, kernelSize: Size2d, { dilation = 1, padding = 0, stride = 1 }: UnfoldOptions) => ({
  kernel: pairOf(op, "kernelSize", kernelSize, 1),
  apart: pairOf(op, "dilation", dilation, 1),
  around: pairOf(op, "padding", padding, 0),
  steps: pairOf(op, "stride", stride, 1),
});

/**
 * The windows of an image side by side as columns (im2col): what a convolution is a matrix product of.
 *
 * Shape: `[batch, channels, height, width]` → `[batch, channels · kernel height · kernel width, windows]`; without a batch likewise.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.unfold.html torch.nn.functional.unfold}
 *
 * @throws ShapeError when no window fits; ArgumentError when an option is outside its domain.
 * @example
 * unfold(ones([1, 3, 8, 8]), 3, { padding: 1 }).shape; // [1, 27, 64]
 */
export const unfold = (x: Tensor, kernelSize: Size2d, options: UnfoldOptions = {}): Tensor =>
  namedScope("unfold", () => {
    const { kernel, apart, around, steps } = readOptions("unfold", kernelSize, options);
    const padded = pad(batched("unfold", x, ["channels", "height", "width"]), [
      around[1],
      around[1],
      around[0],
      around[0],
    ]);
    const rows = windows(padded, 2, kernel[0], { step: steps[0], dilation: apart[0] });
    const all = windows(rows, 4, kernel[1], { step: steps[1], dilation: apart[1] });
    const [batch, channels, , down, , across] = all.shape as [number, number, number, number, number, number];
    const y = reshape(permute(all, [0, 1, 2, 4, 3, 5]), [batch, channels * kernel[0] * kernel[1], down * across]);
    return x.ndim === 3 ? squeeze(y, 0) : y;
  });

/**
 * Columns put back where `unfold` took them from (col2im), and summed where windows overlap.
 *
 * Shape: `[batch, channels · kernel height · kernel width, windows]` → `[batch, channels, height, width]`, the last two being `outputSize`;
 * without a batch likewise. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.fold.html torch.nn.functional.fold}
 *
 * @throws ShapeError when an image of that size does not have as many windows, or the kernel does not divide the rows of the columns.
 * @example
 * fold(ones([1, 27, 64]), [8, 8], 3, { padding: 1 }).shape; // [1, 3, 8, 8]
 */
export const fold = (x: Tensor, outputSize: Size2d, kernelSize: Size2d, options: UnfoldOptions = {}): Tensor =>
  namedScope("fold", () => {
    const { kernel, apart, around, steps } = readOptions("fold", kernelSize, options);
    const sizes = pairOf("fold", "outputSize", outputSize, 1);
    const columns = batched("fold", x, ["channels · kernel", "windows"]);
    const [batch, rows, count] = columns.shape as [number, number, number];
    const counts = ([0, 1] as const).map((at) =>
      countWindows(sizes[at] + 2 * around[at], spanOf(kernel[at], apart[at]), steps[at]),
    );
    const [down, across] = counts as [number, number];
    const channels = rows / (kernel[0] * kernel[1]);
    if (!Number.isInteger(channels) || Math.min(down, across) < 1 || down * across !== count)
      throw new ShapeError(
        `fold: expected columns [batch, channels · ${kernel[0] * kernel[1]}, ${down} · ${across}] for an image of ${showShape(sizes)}, got ${showShape(columns.shape)}; were they made with other options?`,
      );
    const cut = reshape(columns, [batch, channels, kernel[0], kernel[1], down, across]);
    const inRows = overlapAdd(permute(cut, [0, 1, 2, 4, 3, 5]), 4, {
      n: sizes[1] + 2 * around[1],
      step: steps[1],
      dilation: apart[1],
    });
    const padded = overlapAdd(inRows, 2, { n: sizes[0] + 2 * around[0], step: steps[0], dilation: apart[0] });
    const y = narrow(narrow(padded, 2, around[0], sizes[0]), 3, around[1], sizes[1]);
    return x.ndim === 2 ? squeeze(y, 0) : y;
  });
