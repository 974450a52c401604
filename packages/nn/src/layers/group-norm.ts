import { ArgumentError, ones, Parameter, zeros, type DeviceLike, type Tensor } from "@tessera/tensor";
import { Module } from "../module.ts";
import { groupNorm } from "../ops/group-norm.ts";
import { checkSizes } from "./check-sizes.ts";

export interface GroupNormLayerOptions {
  /** Added to the variance; 1e-5 unless said otherwise. */
  readonly eps?: number | undefined;
  /** Whether there are a weight and a bias to learn. */
  readonly affine?: boolean | undefined;
  readonly device?: DeviceLike | undefined;
}

/**
 * `groupNorm` with a weight, which starts as ones, and a bias, which starts as zeros. One group is a layer norm of all channels, as many
 * groups as channels an instance norm.
 *
 * Shape: `[batch, numChannels, …]` → same. See {@link https://arxiv.org/abs/1803.08494 Wu and He 2018} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html torch.nn.GroupNorm}.
 *
 * @throws ArgumentError unless the groups divide the channels. @throws ShapeError when x has other channels.
 * @example
 * new GroupNorm(4, 16).forward(randn([2, 16, 8, 8])).shape; // [2, 16, 8, 8]
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  weight: Parameter | null; // [numChannels]
  bias: Parameter | null; // [numChannels]

  constructor(
    numGroups: number,
    numChannels: number,
    { eps = 1e-5, affine = true, device }: GroupNormLayerOptions = {},
  ) {
    super();
    checkSizes("GroupNorm", { numGroups, numChannels });
    if (numGroups === 0 || numChannels % numGroups !== 0)
      throw new ArgumentError(`GroupNorm: expected groups that divide ${numChannels} channels, got ${numGroups}`);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? new Parameter(ones([numChannels], { device })) : null;
    this.bias = affine ? new Parameter(zeros([numChannels], { device })) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return groupNorm(x, this.numGroups, { weight, bias, eps });
  }

  /** A weight of a norm is a scale around one: pulled to zero, it would silence the layer. */
  override get decays(): boolean {
    return false;
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${this.eps}, affine=${this.weight !== null}`;
  }
}
