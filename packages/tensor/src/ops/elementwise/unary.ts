import { namedScope } from "../../named-scope.ts";
import { copyOp, run } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { erf as erfReference } from "./special.ts";
import { kernels } from "../../generated/kernels.ts";
import { maximum, minimum, mul } from "./binary.ts";
import type { UnaryKernel } from "./elementwise.cpu.ts";
import { unary } from "./rows.ts";

/** Which form of GELU: the exact one with erf, or the tanh approximation. */
export type GeluApproximation = "none" | "tanh";

const SQRT_HALF = Math.SQRT1_2;
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const f32 = (kernel: UnaryKernel) => ({ float32: kernel });

export const negOp = unary("neg", {
  wgsl: "-x",
  reference: (x) => -x,
  cpu: { float32: kernels.negF32, int32: kernels.negI32 },
});
export const expOp = unary("exp", { wgsl: "expOf(x)", reference: Math.exp, cpu: f32(kernels.expF32) });
export const logOp = unary("log", { wgsl: "logOf(x)", reference: Math.log, cpu: f32(kernels.logF32) });
export const log1pOp = unary("log1p", {
  // Near 0 the sum 1 + x would round x away: there it is 2 atanh s with the coefficients of logOf.
  wgsl: `
  let s = x / (2.0 + x);
  let z = s * s;
  let p = z * fma(fma(0.298737185, z, 0.399774745), z, 0.666667765);
  let near = select(x - s * (x - p), x, abs(x) < 1e-8);
  return select(logOf(1.0 + x), near, x >= -0.29289323 && x <= 0.41421357);`,
  reference: Math.log1p,
  cpu: f32(kernels.log1pF32),
});
export const expm1Op = unary("expm1", {
  // 2ⁿ(eʳ − 1) + (2ⁿ − 1) with x = n ln 2 + r, in halves so that 2ⁿ fits: eˣ − 1 would round a small x away.
  wgsl: `
  let c = clamp(x, -86.6433, 89.0);
  let n = round(c * 1.4426950409);
  let r = fma(n, 2.12194440055e-4, fma(n, -0.693359375, c));
  let q = fma(fma(fma(fma(1.38143743e-3, r, 8.36880005e-3), r, 4.16684002e-2), r, 0.166665211), r, 0.499999925);
  let p = r * fma(q, r, 1.0);
  let scale = fromBits(u32(i32(n) + 126) << 23u);
  let y = 2.0 * fma(scale, p, scale - 0.5);
  let near = select(p, x, abs(x) < 1e-8);
  return select(select(select(y, near, n == 0.0), infinity(), x > 89.0), x, isNan(x));`,
  reference: Math.expm1,
  cpu: f32(kernels.expm1F32),
});
export const sqrtOp = unary("sqrt", { wgsl: "sqrt(x)", reference: Math.sqrt, cpu: f32(kernels.sqrtF32) });
export const rsqrtOp = unary("rsqrt", {
  wgsl: "inverseSqrt(x)",
  reference: (x) => 1 / Math.sqrt(x),
  cpu: f32(kernels.rsqrtF32),
});
export const absOp = unary("abs", {
  wgsl: "abs(x)",
  reference: Math.abs,
  cpu: { float32: kernels.absF32, int32: kernels.absI32 },
});
export const tanhOp = unary("tanh", { wgsl: "tanhOf(x)", reference: Math.tanh, cpu: f32(kernels.tanhF32) });
export const sigmoidOp = unary("sigmoid", {
  wgsl: "sigmoidOf(x)",
  reference: (x) => 1 / (1 + Math.exp(-x)),
  cpu: f32(kernels.sigmoidF32),
});
// Written so that NaN and −0 pass through.
export const reluOp = unary("relu", {
  wgsl: "select(x, 0.0, x < 0.0)",
  reference: (x) => (x < 0 ? 0 : x),
  cpu: f32(kernels.reluF32),
});
export const erfOp = unary("erf", { wgsl: "erfOf(x)", reference: erfReference, cpu: f32(kernels.erfF32) });
export const sinOp = unary("sin", { wgsl: "sinOf(x)", reference: Math.sin, cpu: f32(kernels.sinF32) });
export const cosOp = unary("cos", { wgsl: "cosOf(x)", reference: Math.cos, cpu: f32(kernels.cosF32) });
export const squareOp = unary("square", { wgsl: "x * x", reference: (x) => x * x, cpu: f32(kernels.squareF32) });
export const reciprocalOp = unary("reciprocal", {
  wgsl: "1.0 / x",
  reference: (x) => 1 / x,
  cpu: f32(kernels.reciprocalF32),
});
export const siluOp = unary("silu", {
  wgsl: "x * sigmoidOf(x)",
  reference: (x) => x / (1 + Math.exp(-x)),
  cpu: f32(kernels.siluF32),
});
export const softplusOp = unary("softplus", {
  wgsl: "softplusOf(x)",
  // log(1 + eˣ) = max(x, 0) + log1p(e^−|x|), which cannot overflow.
  reference: (x) => (x > 0 ? x : 0) + Math.log1p(Math.exp(-Math.abs(x))) + (Number.isNaN(x) ? NaN : 0),
  cpu: f32(kernels.softplusF32),
});
export const signOp = unary("sign", {
  wgsl: (dtype) => (dtype === "int32" ? "sign(x)" : "select(select(0.0, -1.0, x < 0.0), 1.0, x > 0.0)"),
  reference: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  cpu: { float32: kernels.signF32, int32: kernels.signI32 },
});
export const floorOp = unary("floor", { wgsl: "floor(x)", reference: Math.floor, cpu: f32(kernels.floorF32) });
export const geluOp = unary<{ approximate: GeluApproximation }>("gelu", {
  wgsl: (_, { approximate }) => (approximate === "tanh" ? "geluTanhOf(x)" : "geluOf(x)"),
  reference: (x, { approximate }) =>
    approximate === "tanh"
      ? 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x ** 3)))
      : 0.5 * x * (1 + erfReference(x * SQRT_HALF)),
  cpu: ({ approximate }) => f32(approximate === "tanh" ? kernels.geluTanhF32 : kernels.geluF32),
});
export const clampOp = unary<{ min: number; max: number }>("clamp", {
  wgsl: "select(select(x, w.p0, x < w.p0), w.p1, select(x, w.p0, x < w.p0) > w.p1)",
  // Comparisons, not Math.min: NaN passes through. max comes last: where min > max it wins, as in torch.
  reference: (x, { min, max }) => {
    const above = x < min ? min : x;
    return above > max ? max : above;
  },
  cpu: ({ min, max }) => f32((args, launch) => kernels.clampF32({ ...args, min, max }, launch)),
  args: ({ min, max }) => [min, max],
});
export const logicalNotOp = unary("logicalNot", {
  wgsl: "1u - x",
  reference: (x) => (x ? 0 : 1),
  cpu: { bool: kernels.notBool },
});

/** The negative, −x. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.neg.html torch.neg} */
export const neg = (x: Tensor): Tensor => run(negOp, [x])[0];
/** The exponential, eˣ. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.exp.html torch.exp} */
export const exp = (x: Tensor): Tensor => run(expOp, [x])[0];
/** The natural logarithm, ln x; NaN below zero. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.log.html torch.log} */
export const log = (x: Tensor): Tensor => run(logOp, [x])[0];
/** ln(1 + x), to the last digits where x is near 0; −∞ at −1, NaN below it. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.log1p.html torch.log1p} */
export const log1p = (x: Tensor): Tensor => run(log1pOp, [x])[0];
/** eˣ − 1, to the last digits where x is near 0; −1 at −∞. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.expm1.html torch.expm1} */
export const expm1 = (x: Tensor): Tensor => run(expm1Op, [x])[0];
/** The square root, √x; NaN below zero. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html torch.sqrt} */
export const sqrt = (x: Tensor): Tensor => run(sqrtOp, [x])[0];
/** The reciprocal square root, 1/√x. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html torch.rsqrt} */
export const rsqrt = (x: Tensor): Tensor => run(rsqrtOp, [x])[0];
/** The absolute value, |x|. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.abs.html torch.abs} */
export const abs = (x: Tensor): Tensor => run(absOp, [x])[0];
/** The hyperbolic tangent. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.tanh.html torch.tanh} */
export const tanh = (x: Tensor): Tensor => run(tanhOp, [x])[0];
/** The logistic function, 1/(1 + e⁻ˣ). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.sigmoid.html torch.sigmoid} */
export const sigmoid = (x: Tensor): Tensor => run(sigmoidOp, [x])[0];
/** The rectifier, max(x, 0). Shape: any → same; float32 or int32. {@link https://docs.pytorch.org/docs/stable/generated/torch.relu.html torch.relu} */
export const relu = (x: Tensor): Tensor => (x.dtype === "int32" ? maximum(x, 0) : run(reluOp, [x])[0]);
/** The error function, 2/√π ∫₀ˣ e^(−t²) dt. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/special.html#torch.special.erf torch.erf} */
export const erf = (x: Tensor): Tensor => run(erfOp, [x])[0];
/** The sine of an angle in radians. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.sin.html torch.sin} */
export const sin = (x: Tensor): Tensor => run(sinOp, [x])[0];
/** The cosine of an angle in radians. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.cos.html torch.cos} */
export const cos = (x: Tensor): Tensor => run(cosOp, [x])[0];
/** The square, x². Shape: any → same; float32 or int32, which wraps around. {@link https://docs.pytorch.org/docs/stable/generated/torch.square.html torch.square} */
export const square = (x: Tensor): Tensor => (x.dtype === "int32" ? mul(x, x) : run(squareOp, [x])[0]);
/** The reciprocal, 1/x. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html torch.reciprocal} */
export const reciprocal = (x: Tensor): Tensor => run(reciprocalOp, [x])[0];
/** The swish, x·sigmoid(x). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.silu.html torch.silu} */
export const silu = (x: Tensor): Tensor => run(siluOp, [x])[0];
/** The smooth rectifier, ln(1 + eˣ). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html torch.softplus} */
export const softplus = (x: Tensor): Tensor => run(softplusOp, [x])[0];
/** −1, 0 or 1 (0 for NaN), with gradient zero. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.sign.html torch.sign} */
export const sign = (x: Tensor): Tensor => run(signOp, [x])[0];
/** The largest whole number ≤ x, with gradient zero; int32 stays. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.floor.html torch.floor} */
export const floor = (x: Tensor): Tensor => run(x.dtype === "int32" ? copyOp : floorOp, [x])[0];

/**
 * The Gaussian error linear unit, x·Φ(x) = x/2·(1 + erf(x/√2)); with `approximate: "tanh"`,
 * x/2·(1 + tanh(√(2/π)(x + 0.044715x³))).
 *
 * Shape: any → same. See {@link https://arxiv.org/abs/1606.08415 Hendrycks and Gimpel 2016} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html torch's page}.
 *
 * @throws DTypeError unless `x` is float32.
 * @example
 * await gelu(tensor([-1, 0, 1])).data(); // [-0.1587, 0, 0.8413]
 */
export const gelu = (
  x: Tensor,
  { approximate = "none" }: { approximate?: GeluApproximation | undefined } = {},
): Tensor => run(geluOp, [x], { approximate })[0];

/**
 * Every element limited to [min, max]: min(max(x, min), max), so that max wins where min > max. Its gradient is 1 inside and 0 outside.
 * Beside int32 a limit must be one that int32 holds, or ±∞.
 *
 * Shape: any → same; float32 or int32. {@link https://docs.pytorch.org/docs/stable/generated/torch.clamp.html torch.clamp}
 *
 * @example
 * await clamp(tensor([-2, 0.5, 3]), -1, 1).data(); // [-1, 0.5, 1]
 */
export const clamp = (x: Tensor, min = -Infinity, max = Infinity): Tensor =>
  x.dtype === "int32" ? clampInts(x, min, max) : run(clampOp, [x], { min, max })[0];

const clampInts = (x: Tensor, min: number, max: number): Tensor =>
  namedScope("clamp", () => {
    const above = min === -Infinity ? x : maximum(x, min);
    const inside = max === Infinity ? above : minimum(above, max);
    return inside === x ? run(copyOp, [x])[0] : inside;
  });

/** True where x is false. Shape: any bool → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.logical_not.html torch.logical_not} */
export const logicalNot = (x: Tensor): Tensor => run(logicalNotOp, [x])[0];
