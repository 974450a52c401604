import type { Argument, Option } from "commander";
import type { Terminal } from "../terminal/terminal.ts";

/** What every command gets: the values of the options that all commands share. */
export interface Context {
  terminal: Terminal;
  seed: number;
  /** The name of an open device; it is the default device already. */
  device: string;
  /** Where the command writes: `--out`, or `runs/<command>`. */
  out: string;
  /** As `--threads` says, if it was given. */
  threads?: number;
  /** Whether `--resume` was given. */
  resume: boolean;
  /** The words of the command line that decide what is computed; of a resumed run, those that began it. */
  words: readonly string[];
  /** Aborted by Ctrl-C: then save and throw `Interrupted`. */
  stop: AbortSignal;
}

/** One command. To add one, write a file with a value of this type and give it a row in `commands.ts`. */
export interface CommandDefinition<Options extends object = object> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Whether it writes into `--out`, and when it resumes the run that is there. */
  readonly writes: "nothing" | "anew each time" | "afresh, or on with --resume" | "always on";
  readonly arguments?: readonly Argument[];
  readonly options?: readonly Option[];
  /** Whole command lines, without `tessera` in front. */
  readonly examples: readonly string[];
  run(context: Context, options: Options, ...args: string[]): Promise<void>;
}
