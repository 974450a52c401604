import type { Argument, Option } from "commander";
import type { Terminal } from "../terminal/terminal.ts";

/** What every command gets from the options that all of them share. */
export interface Context {
  terminal: Terminal;
  seed: number;
  /** The name of an open device; it is the default device already. */
  device: string;
  /** Where the command writes: `--out`, or `runs/<command>`. */
  out: string;
  /** Whether `--resume` was given. */
  resume: boolean;
  /** Raised by Ctrl-C: save and throw `Interrupted`. */
  stop: AbortSignal;
}

/** One command of the command line. */
export interface CommandDefinition<Options extends object = object> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Whether it writes into `--out`, and when it goes on with what is there. */
  readonly writes: "nothing" | "anew each time" | "afresh, or on with --resume" | "always on";
  readonly arguments?: readonly Argument[];
  readonly options?: readonly Option[];
  /** Whole command lines, behind `tessera`. */
  readonly examples: readonly string[];
  run(context: Context, options: Options, ...args: string[]): Promise<void>;
}
