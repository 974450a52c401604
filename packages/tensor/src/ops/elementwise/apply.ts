import { hostArray } from "../../dtype.ts";
import { storedNumber } from "../../host-data.ts";
import { run, type Op } from "../../op.ts";
import { Tensor } from "../../tensor.ts";
import type { BinarySignature } from "./rows.ts";

/** A number beside a tensor becomes a 0-d tensor of its dtype and device. */
export const operand = (op: string, value: Tensor | number, like: Tensor): Tensor => {
  if (value instanceof Tensor) return value;
  const { dtype, device } = like;
  const one = hostArray(dtype, 1);
  one[0] = storedNumber(op, value, dtype);
  return Tensor.fromHost(one, [], dtype, device, op);
};

/** Runs a binary op and frees the 0-d tensor that stood for a number. */
export const apply = (op: Op<BinarySignature>, x: Tensor, y: Tensor | number): Tensor => {
  const right = operand(op.name, y, x);
  const z = run(op, [x, right])[0];
  if (right !== y) right.dispose();
  return z;
};
