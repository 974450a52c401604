import type { TesseraError } from "../error.ts";
import { IndexError } from "../error.ts";

/** What a kernel's report becomes: an IndexError with the text, unless its step brings an error of its own. */
export const faultError = (report: string | TesseraError): TesseraError =>
  typeof report === "string" ? new IndexError(report) : report;
