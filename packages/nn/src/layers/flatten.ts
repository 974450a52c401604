import { flatten, reshape, ShapeError, type Shape, type Tensor } from "@tessera/tensor";
import { normalizeDim, resolveReshape, showShape } from "@tessera/tensor/extend";
import { Module } from "../module.ts";

/**
 * The dims from `startDim` to `endDim` joined into one: by default all but the batch.
 *
 * Shape: `[batch, …]` → `[batch, n]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html torch.nn.Flatten}
 *
 * @throws ShapeError when a dim is outside.
 * @example
 * new Flatten().forward(zeros([8, 16, 7, 7])).shape; // [8, 784]
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `startDim=${this.startDim}, endDim=${this.endDim}`;
  }
}

/**
 * A dim cut into several, of which one may be −1: the reverse of `Flatten`.
 *
 * Shape: `[…, n, …]` → `[…, ...sizes, …]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html torch.nn.Unflatten}
 *
 * @throws ShapeError when the dim is outside, or does not have as many elements as the sizes.
 * @example
 * new Unflatten(1, [16, 7, 7]).forward(zeros([8, 784])).shape; // [8, 16, 7, 7]
 */
export class Unflatten extends Module {
  readonly dim: number;
  readonly sizes: Shape;

  constructor(dim: number, sizes: Shape) {
    super();
    if (sizes.length === 0) throw new ShapeError("Unflatten: expected at least one size, got none");
    this.dim = dim;
    this.sizes = sizes;
  }

  forward(x: Tensor): Tensor {
    const dim = normalizeDim("Unflatten", this.dim, x.shape);
    const sizes = resolveReshape("Unflatten", x.shape.slice(dim, dim + 1), this.sizes);
    return reshape(x, [...x.shape.slice(0, dim), ...sizes, ...x.shape.slice(dim + 1)]);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, sizes=${showShape(this.sizes)}`;
  }
}
