import {
  abs,
  add,
  cos,
  div,
  exp,
  eq,
  ge,
  le,
  log,
  logicalAnd,
  logicalNot,
  maximum,
  mul,
  neg,
  pow,
  sigmoid,
  sin,
  square,
  stopGradient,
  sub,
  where,
  zeros,
  zerosLike,
  type Tensor,
} from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/elementwise";
import {
  absBackward,
  divBackward,
  geluBackward,
  maximumBackward,
  minimumBackward,
  powBackward,
  reluBackward,
  sigmoidBackward,
  siluBackward,
  tanhBackward,
} from "@tessera/tensor/ops/elementwise";
import { notDifferentiable, rule, type VjpTable } from "../define-vjps.ts";
import { GradientError } from "../gradient-error.ts";

/** dy where the mask holds, 0 elsewhere: chosen, not multiplied, for ∞ · 0 is NaN. */
const only = (mask: Tensor, dy: Tensor): Tensor => {
  const zero = zeros([], { device: dy.device });
  const dx = where(mask, dy, zero);
  zero.dispose();
  return dx;
};

/** Gradients of the elementwise ops. x and y are the inputs, z (or y, for one input) the output. */
export const elementwiseVjps: VjpTable<typeof family> = {
  // ---- one input
  neg: { vjp: ([dy]) => [neg(dy)] },
  exp: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [mul(dy, y)] }),
  log: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [div(dy, x)] }),
  log1p: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [div(dy, add(x, 1))] }),
  // From x: y + 1 would round a small e^x away.
  expm1: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [mul(dy, exp(x))] }),
  // d√x = dx / 2√x
  sqrt: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [div(mul(dy, 0.5), y)] }),
  // d x^(−½) = −½ x^(−3/2) dx, one factor at a time: y³ may leave float32 where the product does not.
  rsqrt: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [mul(mul(mul(mul(dy, -0.5), y), y), y)] }),
  abs: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [absBackward(dy, x)] }),
  // d tanh x = (1 − tanh² x) dx
  tanh: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [tanhBackward(dy, y)] }),
  // dσ = σ(1 − σ) dx
  sigmoid: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [sigmoidBackward(dy, y)] }),
  relu: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [reluBackward(dy, y)] }),
  // d erf x = 2/√π e^(−x²) dx
  erf: rule({
    reads: ({ inputs: [x] }) => ({ x }),
    vjp: ([dy], { x }) => [mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))],
  }),
  sin: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [mul(dy, cos(x))] }),
  cos: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [neg(mul(dy, sin(x)))] }),
  square: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [mul(mul(dy, x), 2)] }),
  // d(1/x) = −dx / x², one factor at a time: y² may leave float32 where the product does not.
  reciprocal: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [neg(mul(mul(dy, y), y))] }),
  // d(xσ) = σ(1 + x(1 − σ)) dx
  silu: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [siluBackward(dy, x)] }),
  softplus: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [mul(dy, sigmoid(x))] }),
  sign: { vjp: ([dy]) => [zerosLike(dy)] },
  floor: { vjp: ([dy]) => [zerosLike(dy)] },
  gelu: rule({
    reads: ({ inputs: [x] }) => ({ x }),
    vjp: ([dy], { x, attrs: { approximate } }) => [geluBackward(dy, x, approximate)],
  }),
  clamp: rule({
    reads: ({ inputs: [x] }) => ({ x }),
    vjp: ([dy], { x, attrs: { min, max } }) => [only(logicalAnd(ge(x, min), le(x, max)), dy)],
  }),
  logicalNot: notDifferentiable,
  cast: { vjp: ([dy]) => [dy] },

  // ---- two inputs
  add: { vjp: ([dz]) => [dz, dz] },
  sub: { vjp: ([dz], { needs }) => [dz, needs[1] ? neg(dz) : null] },
  mul: rule({
    reads: ({ inputs: [x, y], needs }) => ({ x: needs[1] ? x : null, y: needs[0] ? y : null }),
    vjp: ([dz], { x, y }) => [y && mul(dz, y), x && mul(dz, x)],
  }),
  // d(x/y) = dx/y − z dy/y: y² alone may leave float32.
  div: rule({
    reads: ({ inputs: [, y], outputs: [z], needs }) => ({ y, z: needs[1] ? z : null }),
    vjp: ([dz], { y, z, needs }) => [needs[0] ? div(dz, y) : null, z && divBackward(dz, z, y)],
  }),
  maximum: rule({
    reads: ({ inputs: [x, y] }) => ({ x, y }),
    vjp: ([dz], { x, y, needs }) => [
      needs[0] ? maximumBackward(dz, x, y) : null,
      needs[1] ? maximumBackward(dz, y, x) : null,
    ],
  }),
  minimum: rule({
    reads: ({ inputs: [x, y] }) => ({ x, y }),
    vjp: ([dz], { x, y, needs }) => [
      needs[0] ? minimumBackward(dz, x, y) : null,
      needs[1] ? minimumBackward(dz, y, x) : null,
    ],
  }),
  // d x^y = y x^(y−1) dx + x^y ln x dy; where y = 0 the first term is 0 even at x = 0, where x = 0 ≤ y so is the second.
  pow: rule({
    reads: ({ inputs: [x, y], outputs: [z], needs }) => ({ x, y, z: needs[1] ? z : null }),
    vjp: ([dz], { x, y, z, needs }) => [
      needs[0] ? powBackward(dz, x, y) : null,
      z && only(logicalNot(logicalAnd(eq(x, 0), ge(y, 0))), mul(mul(dz, log(x)), z)),
    ],
  }),
  // d angle = (x dy − y dx) / (x² + y²). Both are divided by the larger one, a constant here: their squares alone may leave float32.
  atan2: rule({
    reads: ({ inputs: [y, x] }) => ({ y, x }),
    vjp: ([dz], { y, x, needs }) => {
      const size = stopGradient(maximum(abs(x), abs(y)));
      const [up, across] = [div(y, size), div(x, size)];
      const slope = div(div(dz, add(square(across), square(up))), size);
      return [needs[0] ? mul(slope, across) : null, needs[1] ? neg(mul(slope, up)) : null];
    },
  }),
  // z = x − q y with a whole q, which is flat.
  fmod: rule({
    reads: ({ inputs: [x, y], outputs: [z], needs }) => (needs[1] ? { x, y, z } : { x: null, y: null, z: null }),
    vjp: ([dz], { x, y, z }) => [dz, x && y && z && neg(mul(dz, div(sub(x, z), y)))],
  }),
  bitwiseAnd: notDifferentiable,
  eq: notDifferentiable,
  ne: notDifferentiable,
  lt: notDifferentiable,
  le: notDifferentiable,
  gt: notDifferentiable,
  ge: notDifferentiable,
  logicalAnd: notDifferentiable,
  logicalOr: notDifferentiable,
  where: rule({
    reads: ({ inputs: [condition] }) => ({ condition }),
    vjp: ([dy], { condition, needs }) => [
      null,
      needs[1] ? only(condition, dy) : null,
      needs[2] ? only(logicalNot(condition), dy) : null,
    ],
  }),

  // ---- fused backwards
  // Linear in dy, and flat in what they choose by.
  reluBackward: rule({ reads: ({ inputs: [, y] }) => ({ y }), vjp: ([dg], { y }) => [reluBackward(dg, y), null] }),
  absBackward: rule({ reads: ({ inputs: [, x] }) => ({ x }), vjp: ([dg], { x }) => [absBackward(dg, x), null] }),
  maximumBackward: rule({
    reads: ({ inputs: [, x, y] }) => ({ x, y }),
    vjp: ([dg], { x, y }) => [maximumBackward(dg, x, y), null, null],
  }),
  minimumBackward: rule({
    reads: ({ inputs: [, x, y] }) => ({ x, y }),
    vjp: ([dg], { x, y }) => [minimumBackward(dg, x, y), null, null],
  }),
  // g = −dz z / y: dg/dy = −g / y
  divBackward: rule({
    reads: ({ inputs: [dz, z, y], outputs: [g], needs }) => ({
      dz: needs[1] ? dz : null,
      z: needs[0] ? z : null,
      y,
      g: needs[2] ? g : null,
    }),
    vjp: ([dg], { dz, z, y, g }) => [
      z && divBackward(dg, z, y),
      dz && divBackward(dg, dz, y),
      g && divBackward(dg, g, y),
    ],
  }),
  // g = dz y x^(y−1): dg/dx = dz y (y−1) x^(y−2), dg/dy = dz x^(y−1) (1 + y ln x)
  powBackward: rule({
    reads: ({ inputs: [dz, x, y], needs }) => ({ dz: needs[1] || needs[2] ? dz : null, x, y }),
    vjp: ([dg], { dz, x, y, needs }) => [
      needs[0] ? powBackward(dg, x, y) : null,
      dz && needs[1] ? powBackward(mul(mul(dg, dz), y), x, sub(y, 1)) : null,
      dz && needs[2] ? mul(mul(mul(dg, dz), pow(x, sub(y, 1))), add(mul(y, log(x)), 1)) : null,
    ],
  }),
  // silu'' = σ(1 − σ)(2 + x(1 − 2σ))
  siluBackward: rule({
    reads: ({ inputs: [dy, x], needs }) => ({ dy: needs[1] ? dy : null, x }),
    vjp: ([dg], { dy, x, needs }) => {
      const bend = (): Tensor => {
        const s = sigmoid(x);
        return sigmoidBackward(add(mul(x, add(mul(s, -2), 1)), 2), s);
      };
      return [needs[0] ? siluBackward(dg, x) : null, dy && mul(mul(dg, dy), bend())];
    },
  }),
  // g = dy (1 − y²): dg/d dy = 1 − y², dg/dy = −2 y dy
  tanhBackward: rule({
    reads: ({ inputs: [dy, y], needs }) => ({ dy: needs[1] ? dy : null, y }),
    vjp: ([dg], { dy, y, needs }) => [needs[0] ? tanhBackward(dg, y) : null, dy && mul(mul(dg, dy), mul(y, -2))],
  }),
  // g = dy y (1 − y): dg/dy = dy (1 − 2y)
  sigmoidBackward: rule({
    reads: ({ inputs: [dy, y], needs }) => ({ dy: needs[1] ? dy : null, y }),
    vjp: ([dg], { dy, y, needs }) => [
      needs[0] ? sigmoidBackward(dg, y) : null,
      dy && mul(mul(dg, dy), add(mul(y, -2), 1)),
    ],
  }),
  // gelu'' = φ(x)(2 − x²) for the exact form
  geluBackward: rule({
    reads: ({ inputs: [dy, x], needs }) => ({ dy: needs[1] ? dy : null, x }),
    vjp: ([dg], { dy, x, needs, attrs: { approximate } }) => {
      if (dy && approximate === "tanh")
        throw new GradientError(`geluBackward: has no second derivative for approximate "tanh"; use "none"`);
      const bend = (): Tensor =>
        mul(mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI)), add(neg(square(x)), 2));
      return [needs[0] ? geluBackward(dg, x, approximate) : null, dy && mul(mul(dg, dy), bend())];
    },
  }),
};
