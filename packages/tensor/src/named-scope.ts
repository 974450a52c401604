import { ArgumentError, DeviceError, DTypeError, ShapeError } from "./error.ts";
import { scope } from "./scope.ts";

/**
 * A scope for a function that is made of others: what is wrong with its arguments is said of `op`, which was called, and not of the part
 * that found it. Of functions made of such functions the outermost speaks. What the memory or the device lacks is told as it is.
 *
 * @example
 * const mean = (x: Tensor) => namedScope("mean", () => div(sum(x), x.numel()));
 * mean(tensor([true])); // DTypeError: mean: expected float32, got int32; …
 */
export const namedScope = <T>(op: string, fn: () => T extends PromiseLike<unknown> ? never : T): T => {
  try {
    return scope(fn);
  } catch (error) {
    rename(op, error);
    throw error;
  }
};

const rename = (op: string, error: unknown): void => {
  if (!(
    error instanceof DTypeError ||
    error instanceof ShapeError ||
    error instanceof ArgumentError ||
    error instanceof DeviceError
  ))
    return;
  const before = error.message;
  error.message = before.replace(/^[a-z]\w*: /i, () => `${op}: `);
  // V8 wrote the message into the stack when the error was made; it is the stack that is printed.
  if (error.stack !== undefined) error.stack = error.stack.replace(before, () => error.message);
};
