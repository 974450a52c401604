/** Exit codes of the command line. */
export const exitCode = {
  ok: 0,
  /** The command failed. */
  failure: 1,
  /** The command line is wrong: nothing was begun. */
  usage: 2,
  /** Ctrl-C, after everything worth keeping was written. */
  interrupted: 130,
} as const;
