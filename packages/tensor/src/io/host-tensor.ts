import type { DType, TypedArray } from "../dtype.ts";
import type { Shape } from "../shape.ts";

/** One tensor of a file, in host memory. */
export interface HostTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

const ARRAYS: ReadonlyMap<unknown, string> = new Map<DType, string>([
  ["float32", "Float32Array"],
  ["int32", "Int32Array"],
  ["bool", "Uint8Array"],
]);

/** Whether it can be a size or an offset: whole, ≥ 0, and told apart from its neighbours. */
export const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);

/**
 * What is wrong with a tensor in host memory, as `expected …, got …`: its dtype, its shape, or data of another type or length than
 * these say. `null` when nothing is.
 */
export const hostTensorFault = (value: HostTensor): string | null => {
  // From callers without types, anything may come.
  const { shape, dtype, data } = (value ?? {}) as {
    readonly shape?: unknown;
    readonly dtype?: unknown;
    readonly data?: unknown;
  };
  const array = ARRAYS.get(dtype);
  if (array === undefined) return `expected dtype ${[...ARRAYS.keys()].join(", ")}, got ${String(dtype)}`;
  if (!Array.isArray(shape) || !shape.every(isSize))
    return `expected a shape of whole numbers from 0 up, got ${Array.isArray(shape) ? `[${shape.map(String).join(", ")}]` : String(shape)}`;
  const count = shape.reduce((n, size) => n * size, 1);
  const name = Object.prototype.toString.call(data).slice(8, -1);
  const length = ArrayBuffer.isView(data) && "length" in data ? (data as Uint8Array).length : -1;
  return name === array && length === count
    ? null
    : `expected a ${array} of ${count} for ${String(dtype)} [${shape.join(", ")}], got ${name}${length < 0 ? "" : ` of ${length}`}`;
};
