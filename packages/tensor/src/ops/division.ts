import { namedScope } from "../named-scope.ts";
import type { Tensor } from "../tensor.ts";
import { operand } from "./elementwise/apply.ts";
import { add, cast, div, eq, floor, fmod, gt, logicalAnd, lt, mul, ne, sub, where } from "./elementwise/elementwise.ts";
import { stopGradient } from "./move/move.ts";
import { round } from "./rounding.ts";

/** Where the rest of x / y towards zero and y have opposite signs: rounding down takes one more y. */
const below = (rest: Tensor, y: Tensor): Tensor => logicalAnd(ne(rest, 0), ne(lt(rest, 0), lt(y, 0)));

/**
 * The rest of x / y rounded down, with the sign of y, as `%` in Python: exact, but for the last addition. NaN for y = 0 and x = ±∞; for int32 a 0
 * in y is an error. The gradient to y is that quotient, negative.
 *
 * Shape: any two that broadcast → their common shape. float32 or int32.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.remainder.html torch.remainder}
 *
 * @throws OverflowError when y holds a 0 and is int32, ShapeError when the shapes do not broadcast, DTypeError when the dtypes differ.
 * @example
 * await remainder(tensor([7, -7]), 3).data(); // [1, 2]
 */
export const remainder = (x: Tensor, y: Tensor | number): Tensor =>
  namedScope("remainder", () => {
    const divisor = operand("remainder", y, x);
    const rest = fmod(x, divisor);
    return where(below(rest, divisor), add(rest, divisor), rest);
  });

/**
 * x / y rounded down. For float32, ±∞ or NaN where y is 0, and the gradient is 0; for int32 a 0 in y is an error, and −2³¹ / −1 wraps around.
 *
 * Shape: any two that broadcast → their common shape. float32 or int32.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.floor_divide.html torch.floor_divide}
 *
 * @throws OverflowError when y holds a 0 and is int32, ShapeError when the shapes do not broadcast, DTypeError when the dtypes differ.
 * @example
 * await floorDivide(tensor([7, -7]), 2).data(); // [3, -4]
 */
export const floorDivide = (x: Tensor, y: Tensor | number): Tensor =>
  namedScope("floorDivide", () => {
    const divisor = operand("floorDivide", y, x);
    return x.dtype === "int32" ? dividedInts(x, divisor) : dividedFloats(stopGradient(x), stopGradient(divisor));
  });

/** (x − rest) / y is whole: float32 misses it by less than 2⁹, and what is left is a small multiple of y, which float32 divides exactly. */
const dividedInts = (x: Tensor, y: Tensor): Tensor => {
  const rest = fmod(x, y);
  const whole = sub(x, rest);
  const divisor = cast(y, "float32");
  const near = cast(div(cast(whole, "float32"), divisor), "int32");
  const left = sub(whole, mul(near, y));
  const quotient = add(near, cast(round(div(cast(left, "float32"), divisor)), "int32"));
  return where(below(rest, y), sub(quotient, 1), quotient);
};

/** As torch and Python have it: the quotient without its rest is nearly whole, and ⌊⌋ alone would take 0.999… for 0. */
const dividedFloats = (x: Tensor, y: Tensor): Tensor => {
  const rest = fmod(x, y);
  const quotient = div(sub(x, rest), y);
  const down = where(below(rest, y), sub(quotient, 1), quotient);
  const low = floor(down);
  const nearest = where(gt(sub(down, low), 0.5), add(low, 1), low);
  // 0 with the sign of x / y, which may round to no more than its sign.
  const signed = mul(div(x, y), 0);
  return where(eq(y, 0), div(x, y), where(eq(down, 0), signed, nearest));
};
