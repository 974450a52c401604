import {
  add,
  ArgumentError,
  DTypeError,
  matmul,
  pad,
  permute,
  reshape,
  ShapeError,
  squeeze,
  unsqueeze,
  type Tensor,
} from "@tessera/tensor";
import { checkCount, namedScope, showShape } from "@tessera/tensor/extend";
import { batched, pairOf, type Size2d } from "./sizes.ts";
import { spanOf } from "./windows/window-count.ts";
import { windows, type Pair } from "./windows/windows.ts";

/** `"same"`: as many windows as there are elements; `"valid"`: no padding. */
export type Padding<Size> = Size | "same" | "valid";

/** Of a convolution over sizes of this kind. */
export interface ConvOptions<Size> {
  /** How far windows are apart; 1 unless said otherwise. */
  readonly stride?: Size | undefined;
  /** Zeros on each side; none unless said otherwise. */
  readonly padding?: Padding<Size> | undefined;
  /** How far elements of a window are apart; 1 unless said otherwise. */
  readonly dilation?: Size | undefined;
  /** How many parts channels are cut into, each with weights of its own; 1 unless said otherwise. */
  readonly groups?: number | undefined;
}

/**
 * Convolution, in fact correlation: each window of the input, times the weights, summed; `bias` added.
 * y[n, o, r, c] = b[o] + Σ_{i, k, l} weight[o, i, k, l] · x[n, i, r · stride + k · dilation − padding, c · … ], the channels i being those of
 * the group of o.
 *
 * The windows are copied side by side (im2col), and one matrix product does the rest; it needs kernel height · width times the memory of the
 * input. The result may be a view, whose channels come first in memory.
 *
 * Shape: x `[batch, in, height, width]`, weight `[out, in / groups, kernel height, kernel width]`, bias `[out]` → `[batch, out, …, …]`, of sizes
 * ⌊(size + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1; without a batch likewise. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html torch.nn.functional.conv2d}
 *
 * @throws ShapeError when the shapes do not fit together, or no window fits; ArgumentError when an option is outside its domain.
 * @example
 * conv2d(ones([1, 3, 8, 8]), ones([4, 3, 3, 3]), null, { padding: 1, stride: 2 }).shape; // [1, 4, 4, 4]
 */
export const conv2d = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions<Size2d> = {},
): Tensor =>
  namedScope("conv2d", () => {
    const images = batched("conv2d", x, ["channels", "height", "width"]);
    const y = convolve("conv2d", images, weight, bias, {
      stride: pairOf("conv2d", "stride", stride, 1),
      padding: typeof padding === "string" ? padding : pairOf("conv2d", "padding", padding, 0),
      dilation: pairOf("conv2d", "dilation", dilation, 1),
      groups,
    });
    return x.ndim === 3 ? squeeze(y, 0) : y;
  });

/**
 * `conv2d` along one dim.
 *
 * Shape: x `[batch, in, length]`, weight `[out, in / groups, kernel]`, bias `[out]` → `[batch, out, …]`; without a batch likewise. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html torch.nn.functional.conv1d}
 *
 * @throws ShapeError when the shapes do not fit together, or no window fits; ArgumentError when an option is outside its domain.
 * @example
 * await conv1d(tensor([[1, 2, 3]]), tensor([[[1, 1]]])).data(); // [3, 5]
 */
export const conv1d = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions<number> = {},
): Tensor =>
  namedScope("conv1d", () => {
    const lines = batched("conv1d", x, ["channels", "length"]);
    if (weight.ndim !== 3)
      throw new ShapeError(`conv1d: expected a weight [out, in / groups, kernel], got ${showShape(weight.shape)}`);
    const y = convolve("conv1d", unsqueeze(lines, 2), unsqueeze(weight, 2), bias, {
      stride: [1, pairOf("conv1d", "stride", stride, 1)[1]],
      padding: typeof padding === "string" ? padding : [0, pairOf("conv1d", "padding", padding, 0)[1]],
      dilation: [1, pairOf("conv1d", "dilation", dilation, 1)[1]],
      groups,
    });
    return squeeze(x.ndim === 2 ? squeeze(y, 0) : y, -2);
  });

interface Convolution {
  readonly stride: Pair;
  readonly padding: Padding<Pair>;
  readonly dilation: Pair;
  readonly groups: number;
}

const convolve = (op: string, x: Tensor, weight: Tensor, bias: Tensor | null, how: Convolution): Tensor => {
  const { stride, dilation, groups } = how;
  const { kernel } = checkShapes(op, x, weight, bias, groups);
  const spans: Pair = [spanOf(kernel[0], dilation[0]), spanOf(kernel[1], dilation[1])];
  const padded = pad(x, paddingOf(op, how, spans));
  if (padded.size(2) < spans[0] || padded.size(3) < spans[1])
    throw new ShapeError(
      `${op}: expected an input of at least ${spans.join(" × ")}, which the kernel spans, got ${padded.size(2)} × ${padded.size(3)} with padding; pad it`,
    );
  const rows = windows(padded, 2, kernel[0], { step: stride[0], dilation: dilation[0] });
  const all = windows(rows, 4, kernel[1], { step: stride[1], dilation: dilation[1] });
  const [batch, inputs, , down, , across] = all.shape as [number, number, number, number, number, number];
  const outputs = weight.size(0);
  // Channels and places in the window are the rows of the product, images and windows its columns: one long row for each channel.
  const columns = permute(all, [1, 2, 4, 0, 3, 5]);
  const inner = (inputs / groups) * kernel[0] * kernel[1];
  const size = batch * down * across;
  const product =
    groups === 1
      ? matmul(reshape(weight, [outputs, inner]), reshape(columns, [inner, size]))
      : matmul(reshape(weight, [groups, outputs / groups, inner]), reshape(columns, [groups, inner, size]));
  const flat = reshape(product, [outputs, size]);
  const y = bias ? add(flat, unsqueeze(bias, 1)) : flat;
  return permute(reshape(y, [outputs, batch, down, across]), [1, 0, 2, 3]);
};

const checkShapes = (op: string, x: Tensor, weight: Tensor, bias: Tensor | null, groups: number): { kernel: Pair } => {
  for (const [name, tensor] of Object.entries({ x, weight, bias }))
    if (tensor && tensor.dtype !== "float32")
      throw new DTypeError(`${op}: expected float32, got ${tensor.dtype} for ${name}; cast(x, "float32") first?`);
  if (weight.ndim !== 4)
    throw new ShapeError(`${op}: expected a weight [out, in / groups, height, width], got ${showShape(weight.shape)}`);
  const [outputs, inputs, height, width] = weight.shape as [number, number, number, number];
  checkCount(op, "groups", groups, 1);
  const shown = showShape(op === "conv1d" ? [outputs, inputs, width] : weight.shape);
  if (x.size(1) !== inputs * groups)
    throw new ShapeError(
      `${op}: expected ${inputs * groups} channels for ${groups} groups and the weight ${shown}, got ${x.size(1)}; the weight is [out, in / groups, …]`,
    );
  if (outputs % groups !== 0)
    throw new ShapeError(
      `${op}: expected groups that divide the ${outputs} outputs of the weight ${shown}, got ${groups}`,
    );
  if (height === 0 || width === 0)
    throw new ShapeError(`${op}: expected a kernel of at least 1, got the weight ${shown}`);
  if (bias && (bias.ndim !== 1 || bias.size(0) !== outputs))
    throw new ShapeError(`${op}: expected a bias [${outputs}], got ${showShape(bias.shape)}`);
  return { kernel: [height, width] };
};

/** As `pad` takes it: left, right, top, bottom. What is odd of `"same"` comes behind, as in torch. */
const paddingOf = (op: string, { padding, stride }: Convolution, spans: Pair): readonly number[] => {
  if (padding === "valid") return [0, 0, 0, 0];
  if (typeof padding !== "string") return [padding[1], padding[1], padding[0], padding[0]];
  if (padding !== "same")
    throw new ArgumentError(`${op}: padding is a number, "same" or "valid", got "${padding as string}"`);
  if (stride[0] !== 1 || stride[1] !== 1)
    throw new ArgumentError(`${op}: padding "same" is for a stride of 1, got ${showShape(stride)}; pad by a number`);
  const [down, across] = [spans[0] - 1, spans[1] - 1];
  return [Math.floor(across / 2), Math.ceil(across / 2), Math.floor(down / 2), Math.ceil(down / 2)];
};
