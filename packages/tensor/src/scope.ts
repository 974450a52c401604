import { TesseraError } from "./error.ts";
import { enterFrame } from "./scope-frame.ts";
import { moveTo, Tensor } from "./tensor.ts";

/** How an object of ours (gradients, an output class) shows the tensors in it to a scope that returns it. */
export const tensorsIn: unique symbol = Symbol.for("tessera.tensorsIn");

/**
 * Runs `fn` and frees every tensor handle made inside, except those it returns (in arrays, maps, plain objects too) and
 * those given to `keep`. Scopes nest: what an inner scope returns belongs to the outer one.
 *
 * A scope is synchronous. While an async function awaits, tensors of other code would fall into it, so one is refused
 * by type and at run time: await outside, and scope the parts between.
 *
 * @throws TesseraError when `fn` returns a promise.
 * @example
 * const total = scope(() => {
 *   const squares = square(tensor([1, 2, 3])); // freed at the end
 *   return sum(squares);
 * });
 */
export const scope = <T>(fn: () => T extends PromiseLike<unknown> ? never : T): T => {
  const frame = new Set<Tensor>();
  const outer = enterFrame(frame);
  let result: T | undefined;
  try {
    result = fn();
    if (typeof (result as { then?: unknown } | null | undefined)?.then === "function")
      throw new TesseraError(
        "scope: expected a synchronous function, got a promise; await outside and scope the parts between",
      );
    visitTensors(result, (tensor) => {
      if (frame.has(tensor)) moveTo(tensor, outer);
    });
    return result;
  } finally {
    enterFrame(outer);
    for (const tensor of frame) tensor.dispose();
  }
};

/**
 * Takes tensors out of every scope: they live until `dispose()`. Returns its argument.
 *
 * @example
 * let best: Tensor;
 * scope(() => { best = keep(sum(tensor([1, 2]))); });
 */
export const keep = <T>(value: T): T => {
  visitTensors(value, (tensor) => moveTo(tensor, null));
  return value;
};

/** Frees every tensor in a value: a tensor, or arrays, maps and plain objects of them. */
export const dispose = (value: unknown): void => {
  visitTensors(value, (tensor) => tensor.dispose());
};

/** Calls `visit` for each tensor in a value: in arrays, maps, sets, plain objects and whatever has `[tensorsIn]()`. */
const visitTensors = (value: unknown, visit: (tensor: Tensor) => void): void => {
  if (typeof value !== "object" || value === null) return;
  if (value instanceof Tensor) visit(value);
  else if (tensorsIn in value)
    for (const tensor of (value as { [tensorsIn](): Iterable<Tensor> })[tensorsIn]()) visit(tensor);
  else if (Array.isArray(value) || value instanceof Set) for (const item of value) visitTensors(item, visit);
  else if (value instanceof Map) for (const item of value.values()) visitTensors(item, visit);
  else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null)
      for (const item of Object.values(value)) visitTensors(item, visit);
  }
};

/** The tensors in a value, looked for in arrays, maps, sets, plain objects and whatever has `[tensorsIn]()`. */
export const tensorsOf = (value: unknown): Tensor[] => {
  const found: Tensor[] = [];
  visitTensors(value, (tensor) => found.push(tensor));
  return found;
};
