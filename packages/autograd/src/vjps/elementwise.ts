import {
  add,
  cast,
  cos,
  div,
  exp,
  eq,
  ge,
  gt,
  le,
  log,
  logicalAnd,
  logicalNot,
  lt,
  mul,
  neg,
  pow,
  sigmoid,
  sign,
  sin,
  square,
  sub,
  where,
  zerosLike,
  type Tensor,
} from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/elementwise";
import { geluBackward, sigmoidBackward, tanhBackward } from "@tessera/tensor/ops/elementwise";
import { notDifferentiable, rule, type VjpTable } from "../define-vjps.ts";
import { GradientError } from "../gradient-error.ts";

/** dy where the mask holds, 0 elsewhere. */
const only = (mask: Tensor, dy: Tensor): Tensor => mul(dy, cast(mask, "float32"));

/** Equal elements share the gradient, as in torch. */
const share = (wins: Tensor, ties: Tensor, dy: Tensor): Tensor => add(only(wins, dy), mul(only(ties, dy), 0.5));

/** Gradients of the elementwise ops. x and y are the inputs, z (or y, for one input) the output. */
export const elementwiseVjps: VjpTable<typeof family> = {
  // ---- one input
  neg: { vjp: ([dy]) => [neg(dy)] },
  exp: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [mul(dy, y)] }),
  log: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [div(dy, x)] }),
  log1p: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [div(dy, add(x, 1))] }),
  // d√x = dx / 2√x
  sqrt: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [div(mul(dy, 0.5), y)] }),
  // d x^(−½) = −½ x^(−3/2) dx
  rsqrt: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [mul(mul(dy, -0.5), mul(y, square(y)))] }),
  abs: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [mul(dy, sign(x))] }),
  // d tanh x = (1 − tanh² x) dx
  tanh: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [tanhBackward(dy, y)] }),
  // dσ = σ(1 − σ) dx
  sigmoid: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [sigmoidBackward(dy, y)] }),
  relu: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [only(gt(y, 0), dy)] }),
  // d erf x = 2/√π e^(−x²) dx
  erf: rule({
    reads: ({ inputs: [x] }) => ({ x }),
    vjp: ([dy], { x }) => [mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))],
  }),
  sin: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [mul(dy, cos(x))] }),
  cos: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [neg(mul(dy, sin(x)))] }),
  square: rule({ reads: ({ inputs: [x] }) => ({ x }), vjp: ([dy], { x }) => [mul(dy, mul(x, 2))] }),
  // d(1/x) = −dx / x²
  reciprocal: rule({ reads: ({ outputs: [y] }) => ({ y }), vjp: ([dy], { y }) => [neg(mul(dy, square(y)))] }),
  // d(xσ) = σ(1 + x(1 − σ)) dx
  silu: rule({
    reads: ({ inputs: [x] }) => ({ x }),
    vjp: ([dy], { x }) => {
      const s = sigmoid(x);
      return [mul(dy, add(s, sigmoidBackward(x, s)))];
    },
  }),
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
  // d(x/y) = dx/y − x dy/y²
  div: rule({
    reads: ({ inputs: [x, y], needs }) => ({ x: needs[1] ? x : null, y }),
    vjp: ([dz], { x, y, needs }) => [needs[0] ? div(dz, y) : null, x && neg(div(mul(dz, x), square(y)))],
  }),
  maximum: rule({
    reads: ({ inputs: [x, y] }) => ({ x, y }),
    vjp: ([dz], { x, y, needs }) => [
      needs[0] ? share(gt(x, y), eq(x, y), dz) : null,
      needs[1] ? share(lt(x, y), eq(x, y), dz) : null,
    ],
  }),
  minimum: rule({
    reads: ({ inputs: [x, y] }) => ({ x, y }),
    vjp: ([dz], { x, y, needs }) => [
      needs[0] ? share(lt(x, y), eq(x, y), dz) : null,
      needs[1] ? share(gt(x, y), eq(x, y), dz) : null,
    ],
  }),
  // d x^y = y x^(y−1) dx + x^y ln x dy; where y = 0 the first term is 0 even at x = 0, where x = 0 so is the second.
  pow: rule({
    reads: ({ inputs: [x, y], outputs: [z], needs }) => ({ x, y: needs[0] ? y : null, z: needs[1] ? z : null }),
    vjp: ([dz], { x, y, z }) => [
      y && where(eq(y, 0), zerosLike(dz), mul(dz, mul(y, pow(x, sub(y, 1))))),
      z && where(eq(x, 0), zerosLike(dz), mul(dz, mul(z, log(x)))),
    ],
  }),
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
