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
import { notDifferentiable, type VjpTable } from "../define-vjps.ts";
import { GradientError } from "../gradient-error.ts";

/** dy where the mask holds, 0 elsewhere. */
const only = (mask: Tensor, dy: Tensor): Tensor => mul(dy, cast(mask, "float32"));

/** Equal elements share the gradient, as in torch. */
const share = (wins: Tensor, ties: Tensor, dy: Tensor): Tensor => add(only(wins, dy), mul(only(ties, dy), 0.5));

/** Gradients of the elementwise ops. x and y are the inputs, z (or y, for one input) the output. */
export const elementwiseVjps: VjpTable<typeof family> = {
  // ---- one input
  neg: { saves: "none", vjp: ([dy]) => [neg(dy)] },
  exp: { saves: "outputs", vjp: ([dy], { outputs: [y] }) => [mul(dy, y)] },
  log: { saves: "inputs", vjp: ([dy], { inputs: [x] }) => [div(dy, x)] },
  // d√x = dx / 2√x
  sqrt: { saves: "outputs", vjp: ([dy], { outputs: [y] }) => [div(mul(dy, 0.5), y)] },
  // d x^(−½) = −½ x^(−3/2) dx
  rsqrt: { saves: "outputs", vjp: ([dy], { outputs: [y] }) => [mul(mul(dy, -0.5), mul(y, square(y)))] },
  abs: { saves: "inputs", vjp: ([dy], { inputs: [x] }) => [mul(dy, sign(x))] },
  // d tanh x = (1 − tanh² x) dx
  tanh: { saves: "outputs", vjp: ([dy], { outputs: [y] }) => [tanhBackward(dy, y)] },
  // dσ = σ(1 − σ) dx
  sigmoid: { saves: "outputs", vjp: ([dy], { outputs: [y] }) => [sigmoidBackward(dy, y)] },
  relu: { saves: "outputs", vjp: ([dy], { outputs: [y] }) => [only(gt(y, 0), dy)] },
  // d erf x = 2/√π e^(−x²) dx
  erf: { saves: "inputs", vjp: ([dy], { inputs: [x] }) => [mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))] },
  sin: { saves: "inputs", vjp: ([dy], { inputs: [x] }) => [mul(dy, cos(x))] },
  cos: { saves: "inputs", vjp: ([dy], { inputs: [x] }) => [neg(mul(dy, sin(x)))] },
  square: { saves: "inputs", vjp: ([dy], { inputs: [x] }) => [mul(dy, mul(x, 2))] },
  // d(1/x) = −dx / x²
  reciprocal: { saves: "outputs", vjp: ([dy], { outputs: [y] }) => [neg(mul(dy, square(y)))] },
  // d(xσ) = σ(1 + x(1 − σ)) dx
  silu: {
    saves: "inputs",
    vjp: ([dy], { inputs: [x] }) => {
      const s = sigmoid(x);
      return [mul(dy, add(s, sigmoidBackward(x, s)))];
    },
  },
  softplus: { saves: "inputs", vjp: ([dy], { inputs: [x] }) => [mul(dy, sigmoid(x))] },
  sign: { saves: "none", vjp: ([dy]) => [zerosLike(dy)] },
  floor: { saves: "none", vjp: ([dy]) => [zerosLike(dy)] },
  gelu: { saves: "inputs", vjp: ([dy], { inputs: [x], attrs: { approximate } }) => [geluBackward(dy, x, approximate)] },
  clamp: {
    saves: "inputs",
    vjp: ([dy], { inputs: [x], attrs: { min, max } }) => [only(logicalAnd(ge(x, min), le(x, max)), dy)],
  },
  logicalNot: notDifferentiable,
  cast: { saves: "none", vjp: ([dy]) => [dy] },

  // ---- two inputs
  add: { saves: "none", vjp: ([dz]) => [dz, dz] },
  sub: { saves: "none", vjp: ([dz], { needs }) => [dz, needs[1] ? neg(dz) : null] },
  mul: {
    saves: "inputs",
    vjp: ([dz], { inputs: [x, y], needs }) => [needs[0] ? mul(dz, y) : null, needs[1] ? mul(dz, x) : null],
  },
  // d(x/y) = dx/y − x dy/y²
  div: {
    saves: "inputs",
    vjp: ([dz], { inputs: [x, y], needs }) => [
      needs[0] ? div(dz, y) : null,
      needs[1] ? neg(div(mul(dz, x), square(y))) : null,
    ],
  },
  maximum: {
    saves: "inputs",
    vjp: ([dz], { inputs: [x, y], needs }) => [
      needs[0] ? share(gt(x, y), eq(x, y), dz) : null,
      needs[1] ? share(lt(x, y), eq(x, y), dz) : null,
    ],
  },
  minimum: {
    saves: "inputs",
    vjp: ([dz], { inputs: [x, y], needs }) => [
      needs[0] ? share(lt(x, y), eq(x, y), dz) : null,
      needs[1] ? share(gt(x, y), eq(x, y), dz) : null,
    ],
  },
  // d x^y = y x^(y−1) dx + x^y ln x dy; where y = 0 the first term is 0 even at x = 0, where x = 0 so is the second.
  pow: {
    saves: "both",
    vjp: ([dz], { inputs: [x, y], outputs: [z], needs }) => [
      needs[0] ? where(eq(y, 0), zerosLike(dz), mul(dz, mul(y, pow(x, sub(y, 1))))) : null,
      needs[1] ? where(eq(x, 0), zerosLike(dz), mul(dz, mul(z, log(x)))) : null,
    ],
  },
  eq: notDifferentiable,
  ne: notDifferentiable,
  lt: notDifferentiable,
  le: notDifferentiable,
  gt: notDifferentiable,
  ge: notDifferentiable,
  logicalAnd: notDifferentiable,
  logicalOr: notDifferentiable,
  where: {
    saves: "inputs",
    vjp: ([dy], { inputs: [condition], needs }) => [
      null,
      needs[1] ? only(condition, dy) : null,
      needs[2] ? only(logicalNot(condition), dy) : null,
    ],
  },

  // ---- fused backwards
  // g = dy (1 − y²): dg/d dy = 1 − y², dg/dy = −2 y dy
  tanhBackward: {
    saves: "inputs",
    vjp: ([dg], { inputs: [dy, y], needs }) => [
      needs[0] ? tanhBackward(dg, y) : null,
      needs[1] ? mul(mul(dg, dy), mul(y, -2)) : null,
    ],
  },
  // g = dy y (1 − y): dg/dy = dy (1 − 2y)
  sigmoidBackward: {
    saves: "inputs",
    vjp: ([dg], { inputs: [dy, y], needs }) => [
      needs[0] ? sigmoidBackward(dg, y) : null,
      needs[1] ? mul(mul(dg, dy), add(mul(y, -2), 1)) : null,
    ],
  },
  // gelu'' = φ(x)(2 − x²) for the exact form
  geluBackward: {
    saves: "inputs",
    vjp: ([dg], { inputs: [dy, x], needs, attrs: { approximate } }) => {
      if (needs[1] && approximate === "tanh")
        throw new GradientError(`geluBackward: has no second derivative for approximate "tanh"; use "none"`);
      const bend = (): Tensor =>
        mul(mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI)), add(neg(square(x)), 2));
      return [needs[0] ? geluBackward(dg, x, approximate) : null, needs[1] ? mul(mul(dg, dy), bend()) : null];
    },
  },
};
