import { TesseraError } from "@tessera/tensor";

/** A gradient that does not exist: no rule, no path, or a value that is not a scalar. */
export class GradientError extends TesseraError {
  override name = "GradientError";
}
