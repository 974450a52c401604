import { add, ArgumentError, layerNorm, mul, numel, reshape, ShapeError, type Tensor } from "@tessera/tensor";
import { checkCount, namedScope, showShape } from "@tessera/tensor/extend";

export interface GroupNormOptions {
  /** Scale of each channel. Shape: `[channels]`. */
  readonly weight?: Tensor | null | undefined;
  /** Shift of each channel. Shape: `[channels]`. */
  readonly bias?: Tensor | null | undefined;
  /** Keeps a constant group from dividing by 0; 1e-5 unless said otherwise. */
  readonly eps?: number | undefined;
}

/**
 * The channels of each example cut into groups, each brought to mean 0 and variance 1; then every channel scaled and shifted.
 *
 * Shape: `[batch, channels, …]` → same. float32 only. See {@link https://arxiv.org/abs/1803.08494 Wu and He 2018} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html torch.nn.functional.group_norm}.
 *
 * @throws ArgumentError unless the groups divide the channels. @throws ShapeError when x has no channels, or weight or bias are not of them.
 * @example
 * groupNorm(randn([2, 6, 8, 8]), 3).shape; // [2, 6, 8, 8]
 */
export const groupNorm = (
  x: Tensor,
  numGroups: number,
  { weight = null, bias = null, eps = 1e-5 }: GroupNormOptions = {},
): Tensor =>
  namedScope("groupNorm", () => {
    const [batch, channels, ...places] = x.shape;
    checkCount("groupNorm", "numGroups", numGroups, 1);
    if (batch === undefined || channels === undefined)
      throw new ShapeError(`groupNorm: expected x [batch, channels, …], got ${showShape(x.shape)}; unsqueeze it`);
    if (channels % numGroups !== 0)
      throw new ArgumentError(`groupNorm: expected groups that divide ${channels} channels, got ${numGroups}`);
    for (const [name, each] of Object.entries({ weight, bias }))
      if (each && showShape(each.shape) !== showShape([channels]))
        throw new ShapeError(`groupNorm: expected ${name} [${channels}], got ${showShape(each.shape)}`);
    const size = (channels / numGroups) * numel(places);
    const y = reshape(layerNorm(reshape(x, [batch, numGroups, size]), [size], { eps }), x.shape);
    const onChannels = (each: Tensor): Tensor => reshape(each, [channels, ...places.map(() => 1)]);
    const scaled = weight ? mul(y, onChannels(weight)) : y;
    return bias ? add(scaled, onChannels(bias)) : scaled;
  });
