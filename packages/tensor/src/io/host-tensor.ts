import { bytesPerElement, type DType, type TypedArray } from "../dtype.ts";
import { isDType, ownDataFault } from "../host-data.ts";
import type { Shape } from "../shape.ts";

/** One tensor of a file, in host memory. */
export interface HostTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

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
  if (!isDType(dtype)) return `expected dtype ${Object.keys(bytesPerElement).join(", ")}, got ${String(dtype)}`;
  if (!Array.isArray(shape) || !shape.every(isSize))
    return `expected a shape of whole numbers from 0 up, got ${Array.isArray(shape) ? `[${shape.map(String).join(", ")}]` : String(shape)}`;
  const count = shape.reduce((n, size) => n * size, 1);
  const fault = ownDataFault(data, dtype, count);
  return fault && `expected ${fault.expected} for ${dtype} [${shape.join(", ")}], got ${fault.got}`;
};
