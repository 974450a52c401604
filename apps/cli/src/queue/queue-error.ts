import { CommandError } from "../terminal/command-error.ts";

/** Redis cannot be reached, takes nothing more, or was away for too long. Rows that were measured are kept. */
export class QueueError extends CommandError {
  override name = "QueueError";
}
