/** The backwards of elementwise ops that are kernels of their own. They take the cotangent first, then what the forward took or gave. */
import { run } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { kernels } from "../../generated/kernels.ts";
import type { BinaryKernel } from "./elementwise.cpu.ts";
import { binary, ternary } from "./rows.ts";
import { erf, power } from "./special.ts";
import type { GeluApproximation } from "./unary.ts";

const f32 = (kernel: BinaryKernel) => ({ float32: kernel });

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

export const tanhBackwardOp = binary("tanhBackward", {
  wgsl: "x * (1.0 - y * y)",
  reference: (dy, y) => dy * (1 - y * y),
  cpu: f32(kernels.tanhBackwardF32),
});
export const sigmoidBackwardOp = binary("sigmoidBackward", {
  wgsl: "x * y * (1.0 - y)",
  reference: (dy, y) => dy * y * (1 - y),
  cpu: f32(kernels.sigmoidBackwardF32),
});
export const geluBackwardOp = binary<{ approximate: GeluApproximation }>("geluBackward", {
  wgsl: (_, { approximate }) => (approximate === "tanh" ? "x * geluTanhSlope(y)" : "x * geluSlope(y)"),
  reference: (dy, x, { approximate }) => dy * (approximate === "tanh" ? geluTanhSlope(x) : geluSlope(x)),
  cpu: ({ approximate }) => f32(approximate === "tanh" ? kernels.geluTanhBackwardF32 : kernels.geluBackwardF32),
});

// These select: where the slope is 0, or there is none, a cotangent of ∞ or NaN gives 0. NaN is not below 0, as in torch.
export const reluBackwardOp = binary("reluBackward", {
  wgsl: "select(x, 0.0, y <= 0.0)",
  reference: (dy, y) => (y <= 0 ? 0 : dy),
  cpu: f32(kernels.reluBackwardF32),
});
export const absBackwardOp = binary("absBackward", {
  // At NaN nothing was chosen either, but what follows from it is no number: a NaN from above passes.
  wgsl: "select(select(0.0, -x, y < 0.0), x, y > 0.0 || (isNan(y) && isNan(x)))",
  reference: (dy, x) => (x > 0 || (Number.isNaN(x) && Number.isNaN(dy)) ? dy : x < 0 ? -dy : 0),
  cpu: f32(kernels.absBackwardF32),
});
export const siluBackwardOp = binary("siluBackward", {
  wgsl: "x * siluSlope(y)",
  reference: (dy, x) => dy * siluSlope(x),
  cpu: f32(kernels.siluBackwardF32),
});
export const maximumBackwardOp = ternary("maximumBackward", {
  wgsl: "select(select(x, 0.5 * x, y == z), 0.0, y < z)",
  reference: (dz, x, y) => (x < y ? 0 : x === y ? dz / 2 : dz),
  cpu: kernels.maximumBackwardF32,
});
export const minimumBackwardOp = ternary("minimumBackward", {
  wgsl: "select(select(x, 0.5 * x, y == z), 0.0, y > z)",
  reference: (dz, x, y) => (x > y ? 0 : x === y ? dz / 2 : dz),
  cpu: kernels.minimumBackwardF32,
});
export const divBackwardOp = ternary("divBackward", {
  wgsl: "divSlope(x, y, z)",
  reference: (dz, z, y) => -(dz * z) / y,
  cpu: kernels.divBackwardF32,
});
/**
 * x^(y − 1), with y − 1 in float32: whether it is whole decides of a negative x. From 2^24 on every y is even and y − 1 odd, which
 * rounding takes away: the power of a negative x is negative.
 */
const powerBelow = (x: number, y: number): number => {
  const p = power(x, Math.fround(y - 1));
  return x < 0 && Math.abs(y) >= 2 ** 24 && Number.isFinite(y) ? -Math.abs(p) : p;
};
/** dz · y · x^(y − 1). A power of a finite x is finite, also beyond float64: nothing from above gives nothing. */
const powSlope = (dz: number, x: number, y: number): number => {
  const p = powerBelow(x, y);
  const outside = (p === 0 || Math.abs(p) === Infinity) && x !== 0 && Number.isFinite(x);
  return dz === 0 && outside ? 0 : dz * y * p;
};
export const powBackwardOp = ternary("powBackward", {
  wgsl: "powSlope(x, y, z)",
  reference: (dz, x, y) => (y === 0 ? 0 : powSlope(dz, x, y)),
  cpu: kernels.powBackwardF32,
});

/** d silu(x)/dx = s + x s (1 − s); far out 0 and 1, not 0 · ∞. */
const siluSlope = (x: number): number => {
  const far = Math.min(Math.max(x, -200), 200);
  const s = 1 / (1 + Math.exp(-far));
  return s * (1 + far * (1 - s));
};

/** d/dx x/2·(1 + tanh u) with u = √(2/π)(x + 0.044715x³); far out the slope of tanh is 0, not 0·∞. */
const geluTanhSlope = (x: number): number => {
  const t = Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x ** 3));
  const bend = 1 - t * t;
  return 0.5 * (1 + t) + (bend === 0 ? 0 : 0.5 * x * bend * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * x * x));
};

const geluSlope = (x: number): number => {
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  return 0.5 * (1 + erf(x * Math.SQRT1_2)) + (density === 0 ? 0 : x * density);
};

/** dx = dy · (1 − y²), for y = tanh x. */
export const tanhBackward = (dy: Tensor, y: Tensor): Tensor => run(tanhBackwardOp, [dy, y])[0];
/** dx = dy · y · (1 − y), for y = sigmoid x. */
export const sigmoidBackward = (dy: Tensor, y: Tensor): Tensor => run(sigmoidBackwardOp, [dy, y])[0];
/** dx = dy · d gelu(x)/dx. */
export const geluBackward = (dy: Tensor, x: Tensor, approximate: GeluApproximation = "none"): Tensor =>
  run(geluBackwardOp, [dy, x], { approximate })[0];
/** dx = dy where y > 0 or is NaN, else 0, for y = relu x. */
export const reluBackward = (dy: Tensor, y: Tensor): Tensor => run(reluBackwardOp, [dy, y])[0];
/** dx = dy where x > 0, −dy where x < 0, else 0. */
export const absBackward = (dy: Tensor, x: Tensor): Tensor => run(absBackwardOp, [dy, x])[0];
/** dx = dy · d silu(x)/dx. */
export const siluBackward = (dy: Tensor, x: Tensor): Tensor => run(siluBackwardOp, [dy, x])[0];
/** dx = dz where x > y, dz/2 where they are equal, else 0, for z = max(x, y). */
export const maximumBackward = (dz: Tensor, x: Tensor, y: Tensor): Tensor => run(maximumBackwardOp, [dz, x, y])[0];
/** dx = dz where x < y, dz/2 where they are equal, else 0, for z = min(x, y). */
export const minimumBackward = (dz: Tensor, x: Tensor, y: Tensor): Tensor => run(minimumBackwardOp, [dz, x, y])[0];
/** dy = −dz · z / y, for z = x / y: in the order that keeps it among float32's numbers. */
export const divBackward = (dz: Tensor, z: Tensor, y: Tensor): Tensor => run(divBackwardOp, [dz, z, y])[0];
/** dx = dz · y · x^(y − 1), for z = x^y; 0 where y is 0. */
export const powBackward = (dz: Tensor, x: Tensor, y: Tensor): Tensor => run(powBackwardOp, [dz, x, y])[0];
