import { OverflowError } from "../../error.ts";
import { MAX_INT32, MIN_INT32 } from "../../host-data.ts";

/** What is thrown when whole numbers add up to more than int32 holds. */
export const overflow = (op: string): OverflowError =>
  new OverflowError(
    `${op}: int32 holds numbers from ${MIN_INT32} to ${MAX_INT32}, and these add up to more; cast(x, "float32") first?`,
  );
