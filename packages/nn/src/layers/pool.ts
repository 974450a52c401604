import type { Tensor } from "@tessera/tensor";
import { Module } from "../module.ts";
import {
  avgPool1d,
  avgPool2d,
  maxPool1d,
  maxPool2d,
  type AvgPoolOptions,
  type MaxPoolOptions,
  type PoolOptions,
} from "../ops/pool.ts";
import type { Size2d } from "../ops/sizes.ts";

/** A function of windows as a layer, with nothing to learn. */
abstract class Pool<Size extends Size2d, Options extends PoolOptions<Size>> extends Module {
  readonly kernelSize: Size;
  readonly options: Options;

  constructor(kernelSize: Size, options: Options) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override extraRepr(): string {
    const shown = { kernelSize: this.kernelSize, ...this.options };
    return Object.entries(shown)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(", ");
  }
}

/**
 * `maxPool2d` as a layer. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html torch.nn.MaxPool2d}
 *
 * @example
 * new MaxPool2d(2).forward(zeros([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 */
export class MaxPool2d extends Pool<Size2d, MaxPoolOptions<Size2d>> {
  constructor(kernelSize: Size2d, options: MaxPoolOptions<Size2d> = {}) {
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/** `maxPool1d` as a layer. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html torch.nn.MaxPool1d} */
export class MaxPool1d extends Pool<number, MaxPoolOptions<number>> {
  constructor(kernelSize: number, options: MaxPoolOptions<number> = {}) {
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options);
  }
}

/** `avgPool2d` as a layer. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html torch.nn.AvgPool2d} */
export class AvgPool2d extends Pool<Size2d, AvgPoolOptions<Size2d>> {
  constructor(kernelSize: Size2d, options: AvgPoolOptions<Size2d> = {}) {
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
}

/** `avgPool1d` as a layer. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html torch.nn.AvgPool1d} */
export class AvgPool1d extends Pool<number, Omit<AvgPoolOptions<number>, "divisorOverride">> {
  constructor(kernelSize: number, options: Omit<AvgPoolOptions<number>, "divisorOverride"> = {}) {
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options);
  }
}
