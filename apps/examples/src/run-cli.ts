import { TesseraError } from "@tessera/tensor";
import { CommanderError } from "commander";
import { commands } from "./commands/commands.ts";
import { createProgram } from "./program.ts";
import { Interrupted, UsageError } from "./terminal/command-error.ts";
import { exitCode } from "./terminal/exit-code.ts";

/** Errors that were thrown on purpose, or come from the file system: their message says all. */
const isExpected = (error: Error): boolean => error instanceof TesseraError || ("code" in error && "syscall" in error);

/** Commander's message in one line: `unknown option '--sed' (Did you mean --seed?)`. */
const usageMessage = (error: CommanderError): string =>
  error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .trim();

/** The command whose help says more, if one was named. */
const helpFor = (args: readonly string[]): string => {
  const named = commands.find(({ name }) => args.includes(name));
  return named ? `${named.name} ` : "";
};

/**
 * Runs a command line and gives its exit code. Errors are one line on standard error; `DEBUG=1` adds the stack.
 *
 * @param args without the program's name
 */
export const runCli = async (args: readonly string[]): Promise<number> => {
  const say = (error: Error, message: string): void => {
    process.stderr.write(`tessera: ${message}\n`);
    if (process.env["DEBUG"]) process.stderr.write(`${error.stack}\n`);
  };
  try {
    await createProgram(commands).parseAsync(args, { from: "user" });
    return exitCode.ok;
  } catch (caught) {
    const error = caught instanceof Error ? caught : new Error(String(caught));
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCode.ok;
      // Without a command, commander has printed the help.
      if (error.code !== "commander.help") say(error, `${usageMessage(error)}; see tessera ${helpFor(args)}--help`);
      return exitCode.usage;
    }
    if (error instanceof Interrupted) {
      say(error, error.message);
      return exitCode.interrupted;
    }
    if (isExpected(error)) say(error, error.message);
    else say(error, `internal error: ${error.name}: ${error.message}; DEBUG=1 shows where`);
    return error instanceof UsageError ? exitCode.usage : exitCode.failure;
  }
};
