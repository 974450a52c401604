import { ArgumentError, Parameter, type RandomOptions, type Shape, type Tensor } from "@tessera/tensor";
import { checkCount, showShape } from "@tessera/tensor/extend";
import { calculateFans, kaimingUniform, uniform } from "../init.ts";
import { Module } from "../module.ts";
import { conv1d, conv2d, type ConvOptions, type Padding } from "../ops/conv.ts";
import { pairOf, type Size2d } from "../ops/sizes.ts";
import { checkSizes } from "./check-sizes.ts";

/** As of `conv1d`, whether there is a bias, and where random numbers come from. */
export interface Conv1dOptions extends ConvOptions<number>, RandomOptions {
  readonly bias?: boolean | undefined;
}

/** As of `conv2d`, whether there is a bias, and where random numbers come from. */
export interface Conv2dOptions extends ConvOptions<Size2d>, RandomOptions {
  readonly bias?: boolean | undefined;
}

/** Weight and bias as torch starts them: uniform in ±1/√(in / groups · kernel). */
const makeParameters = (shape: Shape, bias: boolean, random: RandomOptions): [Parameter, Parameter | null] => {
  const { fanIn } = calculateFans(shape);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  return [
    new Parameter(kaimingUniform(shape, { a: Math.sqrt(5), ...random })),
    bias ? new Parameter(uniform([shape[0]!], { low: -bound, high: bound, ...random })) : null,
  ];
};

const checkGroups = (layer: string, groups: number, channels: { readonly [name: string]: number }): void => {
  checkSizes(layer, channels);
  checkCount(layer, "groups", groups, 1);
  for (const [name, size] of Object.entries(channels))
    if (size % groups !== 0)
      throw new ArgumentError(`${layer}: expected groups that divide ${name} ${size}, got ${groups}`);
};

/** `{ stride: 2, padding: [1, 2] }` as `stride=2, padding=[1, 2]`, without what is undefined. */
const showOptions = (options: { readonly [name: string]: Padding<Size2d> | boolean | undefined }): string =>
  Object.entries(options)
    .flatMap(([name, value]) => {
      if (value === undefined) return [];
      return [
        `${name}=${typeof value === "object" ? showShape(value) : typeof value === "string" ? `"${value}"` : value}`,
      ];
    })
    .join(", ");

/**
 * A layer of convolution over images: `conv2d` with a weight and a bias, which start uniform in ±1/√(in / groups · kernel).
 *
 * Shape: x `[batch, in, height, width]` → `[batch, out, …, …]`; see `conv2d`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html torch.nn.Conv2d}
 *
 * @throws ArgumentError unless the groups divide both numbers of channels. @throws ShapeError when x has other channels, or no window fits.
 * @example
 * new Conv2d(3, 16, 3, { padding: 1 }).forward(zeros([8, 3, 32, 32])).shape; // [8, 16, 32, 32]
 */
export class Conv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Size2d;
  readonly options: ConvOptions<Size2d>;
  weight: Parameter; // [out, in / groups, kernel height, kernel width]
  bias: Parameter | null; // [out]

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size2d,
    { stride, padding, dilation, groups = 1, bias = true, ...random }: Conv2dOptions = {},
  ) {
    super();
    checkGroups("Conv2d", groups, { inChannels, outChannels });
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = kernelSize;
    this.options = { stride, padding, dilation, groups };
    const kernel = pairOf("Conv2d", "kernelSize", kernelSize, 1);
    [this.weight, this.bias] = makeParameters([outChannels, inChannels / groups, ...kernel], bias, random);
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }

  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize, options, bias } = this;
    return `${inChannels}, ${outChannels}, ${showOptions({ kernelSize, ...options, bias: bias !== null })}`;
  }
}

/**
 * A layer of convolution along one dim: `conv1d` with a weight and a bias, which start uniform in ±1/√(in / groups · kernel).
 *
 * Shape: x `[batch, in, length]` → `[batch, out, …]`; see `conv1d`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html torch.nn.Conv1d}
 *
 * @throws ArgumentError unless the groups divide both numbers of channels. @throws ShapeError when x has other channels, or no window fits.
 * @example
 * new Conv1d(64, 64, 3, { padding: "same", groups: 64 }).forward(zeros([8, 64, 100])).shape; // [8, 64, 100]
 */
export class Conv1d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: number;
  readonly options: ConvOptions<number>;
  weight: Parameter; // [out, in / groups, kernel]
  bias: Parameter | null; // [out]

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    { stride, padding, dilation, groups = 1, bias = true, ...random }: Conv1dOptions = {},
  ) {
    super();
    checkGroups("Conv1d", groups, { inChannels, outChannels });
    checkCount("Conv1d", "kernelSize", kernelSize, 1);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = kernelSize;
    this.options = { stride, padding, dilation, groups };
    [this.weight, this.bias] = makeParameters([outChannels, inChannels / groups, kernelSize], bias, random);
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options);
  }

  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize, options, bias } = this;
    return `${inChannels}, ${outChannels}, ${showOptions({ kernelSize, ...options, bias: bias !== null })}`;
  }
}
