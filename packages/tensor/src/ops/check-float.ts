import { DTypeError } from "../error.ts";
import type { Tensor } from "../tensor.ts";

/** @throws DTypeError unless `x` is float32. */
export const checkFloat = (op: string, x: Tensor): void => {
  if (x.dtype !== "float32") throw new DTypeError(`${op}: expected float32, got ${x.dtype}; cast(x, "float32") first?`);
};
