import { tensor } from "../create.ts";
import { DTypeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import type { Tensor } from "../tensor.ts";
import { floorDivide } from "./division.ts";
import { operand } from "./elementwise/apply.ts";
import {
  add,
  bitwiseAnd,
  cast,
  gt,
  logicalNot,
  logicalOr,
  lt,
  maskedFill,
  minimum,
  mul,
  ne,
  neg,
  sub,
  where,
} from "./elementwise/elementwise.ts";
import { embedding } from "./index/index.ts";
import { squeeze } from "./move/move.ts";

/** Bits are those of int32, or one of bool. */
const checkBits = (op: string, x: Tensor, bool: boolean): void => {
  if (x.dtype === "float32" || (x.dtype === "bool" && !bool))
    throw new DTypeError(`${op}: expected int32${bool ? " or bool" : ""}, got ${x.dtype}; cast(x, "int32") first?`);
};

/** f of int32 tensors, or g of bool ones. */
const bits = (
  op: string,
  x: Tensor,
  y: Tensor | number,
  { ofInts, ofBools }: { ofInts: typeof add; ofBools: (x: Tensor, y: Tensor) => Tensor },
): Tensor =>
  namedScope(op, () => {
    checkBits(op, x, true);
    const right = operand(op, y, x);
    return x.dtype === "bool" ? ofBools(x, right) : ofInts(x, right);
  });

/**
 * The bits that x or y has, on int32: x + y − (x and y), modulo 2³². On bool, whether one holds.
 *
 * Shape: any two that broadcast → their common shape.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.bitwise_or.html torch.bitwise_or}
 *
 * @throws DTypeError when the dtypes differ, or are float32, ShapeError when the shapes do not broadcast.
 * @example
 * await bitwiseOr(tensor(new Int32Array([5])), 3).data(); // Int32Array [7]
 */
export const bitwiseOr = (x: Tensor, y: Tensor | number): Tensor =>
  bits("bitwiseOr", x, y, { ofInts: (a, b) => sub(add(a, b), bitwiseAnd(a, b)), ofBools: logicalOr });

/**
 * The bits that either x or y has, on int32: x + y − 2 (x and y), modulo 2³². On bool, whether they differ.
 *
 * Shape: any two that broadcast → their common shape.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.bitwise_xor.html torch.bitwise_xor}
 *
 * @throws DTypeError when the dtypes differ, or are float32, ShapeError when the shapes do not broadcast.
 * @example
 * await bitwiseXor(tensor(new Int32Array([5])), 3).data(); // Int32Array [6]
 */
export const bitwiseXor = (x: Tensor, y: Tensor | number): Tensor =>
  bits("bitwiseXor", x, y, { ofInts: (a, b) => sub(add(a, b), mul(bitwiseAnd(a, b), 2)), ofBools: ne });

/**
 * All bits turned round, on int32: −x − 1. On bool, not x. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.bitwise_not.html torch.bitwise_not}
 *
 * @throws DTypeError when x is float32.
 * @example
 * await bitwiseNot(tensor(new Int32Array([5]))).data(); // Int32Array [-6]
 */
export const bitwiseNot = (x: Tensor): Tensor =>
  namedScope("bitwiseNot", () => {
    checkBits("bitwiseNot", x, true);
    return x.dtype === "bool" ? logicalNot(x) : sub(neg(x), 1);
  });

const BITS = 32;
/** 2⁰ … 2³¹ as int32, and 0 for more. */
const powers = (): Int32Array => Int32Array.from({ length: BITS + 1 }, (_, i) => (i < BITS ? 1 << i : 0));

const shift = (op: string, x: Tensor, y: Tensor | number, f: (x: Tensor, by: Tensor) => Tensor): Tensor =>
  namedScope(op, () => {
    checkBits(op, x, false);
    const by = operand(op, y, x);
    checkBits(op, by, false);
    return f(x, maskedFill(by, logicalOr(lt(by, 0), gt(by, BITS)), BITS));
  });

const power = (by: Tensor): Tensor =>
  squeeze(embedding(by, tensor(powers(), [BITS + 1, 1], { device: by.device })), -1);

/**
 * The bits of x moved up by y places, on int32: what is moved beyond the 32 is lost. 0 where y is negative or 32 and more.
 *
 * Shape: any two that broadcast → their common shape.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.bitwise_left_shift.html torch.bitwise_left_shift}
 *
 * @throws DTypeError unless both are int32, ShapeError when the shapes do not broadcast.
 * @example
 * await bitwiseLeftShift(tensor(new Int32Array([1, -5])), 3).data(); // Int32Array [8, -40]
 */
export const bitwiseLeftShift = (x: Tensor, y: Tensor | number): Tensor =>
  shift("bitwiseLeftShift", x, y, (a, by) => mul(a, power(by)));

/**
 * The bits of x moved down by y places, on int32, with copies of the sign above: ⌊x / 2ʸ⌋. As by 31 where y is negative or 32 and more.
 *
 * Shape: any two that broadcast → their common shape.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.bitwise_right_shift.html torch.bitwise_right_shift}
 *
 * @throws DTypeError unless both are int32, ShapeError when the shapes do not broadcast.
 * @example
 * await bitwiseRightShift(tensor(new Int32Array([8, -5])), 1).data(); // Int32Array [4, -3]
 */
export const bitwiseRightShift = (x: Tensor, y: Tensor | number): Tensor =>
  // 2³¹ is none of int32, but by 30 places only −2, −1, 0 and 1 are left, and ⌊x / 2⌋ of them is x < 0.
  shift("bitwiseRightShift", x, y, (a, by) => {
    const moved = floorDivide(a, power(minimum(by, BITS - 2)));
    return where(lt(by, BITS - 1), moved, neg(cast(lt(a, 0), "int32")));
  });
