import {
  add,
  ArgumentError,
  clamp,
  mul,
  ones,
  rand,
  randn,
  scope,
  ShapeError,
  tensor,
  zeros,
  type DeviceLike,
  type RandomOptions,
  type Shape,
  type Tensor,
} from "@tessera/tensor";
import { namedScope, showShape } from "@tessera/tensor/extend";

export { ones, zeros };

/** Functions that `calculateGain` knows, by torch's names in camelCase. */
export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

/**
 * The factor by which weights must be larger so that a layer followed by this function keeps the variance of its input.
 * `slope` is leakyRelu's, 0.01 by default.
 *
 * {@link https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain calculate_gain}
 *
 * @example
 * calculateGain("relu"); // √2
 */
export const calculateGain = (nonlinearity: Nonlinearity, slope = 0.01): number => {
  switch (nonlinearity) {
    case "linear":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + slope ** 2));
    case "selu":
      return 3 / 4;
  }
};

/**
 * How many inputs one output of a weight has, and how many outputs one input: its sizes 1 and 0, times the sizes after them.
 *
 * @throws ShapeError when the weight has fewer than two dims.
 */
export const calculateFans = (shape: Shape): { fanIn: number; fanOut: number } => {
  const [outputs, inputs, ...field] = shape;
  if (outputs === undefined || inputs === undefined)
    throw new ShapeError(
      `init: expected a weight of at least two dims, got ${showShape(shape)}; use uniform or normal`,
    );
  const size = field.reduce((n, d) => n * d, 1);
  return { fanIn: inputs * size, fanOut: outputs * size };
};

/**
 * Uniform numbers in [low, high): the same on every device, and never `high` itself, whatever float32 rounds to.
 *
 * {@link https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.uniform_ uniform_}
 *
 * @throws ArgumentError unless `low` and `high` are finite float32 numbers, in this order, with another one between them; `low` alone
 *   comes where they are equal.
 */
export const uniform = (
  shape: Shape,
  { low = 0, high = 1, ...options }: RandomOptions & { low?: number | undefined; high?: number | undefined } = {},
): Tensor => {
  const [first, last] = low === high ? [low, high] : [-largestBelow(-low, true), largestBelow(high)];
  if (!(low <= high && first <= last && Number.isFinite(Math.fround(low)) && Number.isFinite(Math.fround(high))))
    throw new ArgumentError(`init: expected float32 numbers from low up to high, got [${low}, ${high})`);
  return namedScope("uniform", () => {
    // A range wider than float32 goes through half of it; doubling is exact.
    const scale = Number.isFinite(Math.fround(high - low)) ? 1 : 2;
    const drawn = add(mul(rand(shape, options), high / scale - low / scale), low / scale);
    // low + (high − low) u rounds to high where u is near 1, and a bound that float32 does not have rounds outwards.
    const inside = clamp(drawn, first / scale, last / scale);
    return scale === 1 ? inside : mul(inside, scale);
  });
};

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The largest float32 below a number, or the number itself where that is `allowed` and it is one. */
const largestBelow = (limit: number, allowed = false): number => {
  float[0] = limit;
  if (float[0] < limit || (allowed && float[0] === limit)) return float[0];
  if (float[0] === 0) return -(2 ** -149);
  bits[0]! += float[0] > 0 ? -1 : 1;
  return float[0];
};

/** Normal numbers of a mean and a standard deviation. {@link https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.normal_ normal_} */
export const normal = (
  shape: Shape,
  { mean = 0, std = 1, ...options }: RandomOptions & { mean?: number | undefined; std?: number | undefined } = {},
): Tensor => {
  if (!(std >= 0)) throw new ArgumentError(`init: expected a standard deviation of 0 or more, got ${std}`);
  return scope(() => add(mul(randn(shape, options), std), mean));
};

export interface XavierOptions extends RandomOptions {
  /** See `calculateGain`. */
  gain?: number | undefined;
}

const xavierStd = (shape: Shape, gain: number): number => {
  const { fanIn, fanOut } = calculateFans(shape);
  return gain * Math.sqrt(2 / Math.max(fanIn + fanOut, 1));
};

/**
 * Glorot's uniform weights: U(±gain √(6/(fanIn + fanOut))).
 *
 * See {@link https://proceedings.mlr.press/v9/glorot10a.html Glorot and Bengio 2010} and
 * {@link https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_uniform_ xavier_uniform_}.
 *
 * @throws ShapeError when the shape has fewer than two dims.
 * @example
 * new Parameter(init.xavierUniform([256, 1024], { gain: init.calculateGain("tanh") }));
 */
export const xavierUniform = (shape: Shape, { gain = 1, ...options }: XavierOptions = {}): Tensor => {
  const bound = Math.sqrt(3) * xavierStd(shape, gain);
  return uniform(shape, { low: -bound, high: bound, ...options });
};

/** Glorot's normal weights: N(0, gain √(2/(fanIn + fanOut))). {@link https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_normal_ xavier_normal_} */
export const xavierNormal = (shape: Shape, { gain = 1, ...options }: XavierOptions = {}): Tensor =>
  normal(shape, { std: xavierStd(shape, gain), ...options });

export interface KaimingOptions extends RandomOptions {
  /** Slope of the leakyRelu that follows; 0 is relu. */
  a?: number | undefined;
  /** Whether the variance is kept forward or backward. */
  mode?: "fanIn" | "fanOut" | undefined;
  nonlinearity?: Nonlinearity | undefined;
}

const kaimingStd = (shape: Shape, { a = 0, mode = "fanIn", nonlinearity = "leakyRelu" }: KaimingOptions): number =>
  calculateGain(nonlinearity, a) / Math.sqrt(Math.max(calculateFans(shape)[mode], 1));

const randomOf = ({ a: _, mode: __, nonlinearity: ___, ...options }: KaimingOptions): RandomOptions => options;

/**
 * He's uniform weights: U(±gain √(3/fan)).
 *
 * See {@link https://arxiv.org/abs/1502.01852 He et al. 2015} and
 * {@link https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_ kaiming_uniform_}.
 *
 * @throws ShapeError when the shape has fewer than two dims.
 */
export const kaimingUniform = (shape: Shape, options: KaimingOptions = {}): Tensor => {
  const bound = Math.sqrt(3) * kaimingStd(shape, options);
  return uniform(shape, { low: -bound, high: bound, ...randomOf(options) });
};

/** He's normal weights: N(0, gain/√fan). {@link https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_normal_ kaiming_normal_} */
export const kaimingNormal = (shape: Shape, options: KaimingOptions = {}): Tensor =>
  normal(shape, { std: kaimingStd(shape, options), ...randomOf(options) });

export interface SinusoidalOptions {
  /** The slowest wave is nearly 2π times so long, in positions. Default 10,000. */
  base?: number | undefined;
  /** Default 1. */
  amplitude?: number | undefined;
  device?: DeviceLike | undefined;
}

/**
 * Positions as waves of many lengths: feature i of d is `amplitude · sin(p / baseᵏ)` for k = 2i/d in the first half, and the cosine of
 * the same in the second. Products of two rows depend on their distance alone, so that attention finds neighbours from the start.
 *
 * Shape: [positions, d].
 * Source: {@link https://arxiv.org/abs/1706.03762 Vaswani et al. 2017}, section 3.5.
 *
 * @throws ShapeError unless the shape is [positions, d]; ArgumentError unless `base` is above 1 and `amplitude` is finite.
 * @example
 * table.weight.assign(init.sinusoidal([512, 128], { amplitude: 0.1 }));
 */
export const sinusoidal = (shape: Shape, { base = 10_000, amplitude = 1, device }: SinusoidalOptions = {}): Tensor => {
  const [positions, features, ...others] = shape;
  if (positions === undefined || features === undefined || others.length > 0)
    throw new ShapeError(`init.sinusoidal: expected the shape [positions, features], got ${showShape(shape)}`);
  if (!(base > 1 && Number.isFinite(base) && Number.isFinite(amplitude)))
    throw new ArgumentError(
      `init.sinusoidal: expected a base above 1 and a finite amplitude, got ${base} and ${amplitude}`,
    );
  const values = new Float32Array(positions * features);
  const sines = Math.ceil(features / 2);
  for (let p = 0; p < positions; p++)
    for (let i = 0; i < features; i++) {
      const angle = p / base ** ((2 * (i % sines)) / features);
      values[p * features + i] = amplitude * (i < sines ? Math.sin(angle) : Math.cos(angle));
    }
  return tensor(values, shape, { device });
};
