import { TesseraError } from "@tessera/tensor/error";

/** A command failed for a reason that the user can act on. The message is one line: `op: what was expected, what came; what to do`. */
export class CommandError extends TesseraError {
  override name = "CommandError";
}

/** The command line is wrong: nothing was begun. */
export class UsageError extends CommandError {
  override name = "UsageError";
}

/** The user stopped the command, and its state is saved. */
export class Interrupted extends CommandError {
  override name = "Interrupted";
}
