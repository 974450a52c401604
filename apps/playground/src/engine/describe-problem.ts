import { NonFiniteError } from "@tessera/models/training";
import { DeviceError, OutOfMemoryError } from "@tessera/tensor";
import type { ProblemKind } from "./protocol.ts";

/** What kind of trouble an error is, so that the page can say what to do. */
export const kindOf = (error: unknown): ProblemKind => {
  if (error instanceof OutOfMemoryError || error instanceof RangeError) return "memory";
  if (error instanceof NonFiniteError) return "not-finite";
  if (error instanceof DeviceError) {
    if (/SIMD/.test(error.message)) return "no-simd";
    return /lost/i.test(error.message) ? "lost-gpu" : "no-gpu";
  }
  return "other";
};

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
