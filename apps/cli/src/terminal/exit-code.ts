/** What the process tells its caller. */
export const exitCode = {
  ok: 0,
  /** The work could not be done. */
  failure: 1,
  /** The command line is wrong: nothing was begun. */
  usage: 2,
  /** Ctrl-C, after everything worth keeping was written. */
  interrupted: 130,
} as const;
