import { TesseraError } from "@tessera/tensor";

/**
 * A command cannot do what was asked, and says so in one line. The message reads `op: what was expected, what came; what
 * to do`.
 */
export class CommandError extends TesseraError {
  override name = "CommandError";
}

/** The command line is wrong: nothing was begun. */
export class UsageError extends CommandError {
  override name = "UsageError";
}

/** Ctrl-C came, and everything worth keeping is written. */
export class Interrupted extends CommandError {
  override name = "Interrupted";
}
