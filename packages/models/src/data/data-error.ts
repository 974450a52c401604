// The errors alone: data are read without a device.
import { TesseraError } from "@tessera/tensor/error";

/**
 * What the data functions throw on purpose: a file that is not what it should be, too few texts, an option outside its
 * domain. The message reads `place: what was expected, what came; what to do`.
 */
export class DataError extends TesseraError {
  override name = "DataError";

  constructor(
    message: string,
    /** The line of the file, from 1, where a line is to blame. */
    readonly line?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
