import { TesseraError } from "@tessera/tensor";
import { CommanderError } from "commander";
import { commands } from "./commands/commands.ts";
import { createProgram } from "./create-program.ts";
import { Interrupted, UsageError } from "./terminal/command-error.ts";
import { exitCode } from "./terminal/exit-code.ts";
import { watchOutput } from "./terminal/watch-output.ts";

/** Whether an error was thrown on purpose or by the file system: its message says enough without a stack. */
const isExpected = (error: Error): boolean => error instanceof TesseraError || ("code" in error && "syscall" in error);

/** Commander's message in one line: `unknown option '--sed' (Did you mean --seed?)`. */
const formatUsageError = (error: CommanderError): string =>
  error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .trim();

/** The command that the arguments name, if any: its help says more. */
const findCommandName = (args: readonly string[]): string | undefined =>
  commands.find(({ name }) => args.includes(name))?.name;

/**
 * Runs a command line in this process and resolves to its exit code. The result goes to standard output; an error is one line
 * on standard error, with its stack if `DEBUG=1` is set. It never throws and never ends the process, except at a second Ctrl-C.
 *
 * @param args the words after `tessera`
 *
 * @example
 * import { exitCode, runCli } from "@tessera/cli";
 * const code = await runCli(["--version"]);
 * console.log(code === exitCode.ok); // true
 */
export const runCli = async (args: readonly string[]): Promise<number> => {
  const say = (error: Error, message: string): void => {
    process.stderr.write(`tessera: ${message}\n`);
    if (process.env["DEBUG"]) process.stderr.write(`${error.stack}\n`);
  };
  const output = watchOutput();
  try {
    await createProgram(commands, args, output.failed).parseAsync(args, { from: "user" });
    const failure = await output.settle();
    // A reader such as `head` may close the pipe early, which is no error as long as nothing was stopped by it.
    if (!failure || failure.isClosed) return exitCode.ok;
    say(failure, failure.message);
    return exitCode.failure;
  } catch (caught) {
    const error = caught instanceof Error ? caught : new Error(String(caught));
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCode.ok;
      // Without a command, commander has printed the help.
      if (error.code !== "commander.help") {
        const help = ["tessera", findCommandName(args), "--help"].filter((word) => word !== undefined).join(" ");
        say(error, `${formatUsageError(error)}; see ${help}`);
      }
      return exitCode.usage;
    }
    const failure = await output.settle();
    if (error instanceof Interrupted) {
      say(error, failure ? `${failure.message}; ${error.message}` : error.message);
      return failure ? exitCode.failure : exitCode.interrupted;
    }
    if (isExpected(error)) say(error, error.message);
    else say(error, `internal error: ${error.name}: ${error.message}; DEBUG=1 shows where`);
    return error instanceof UsageError ? exitCode.usage : exitCode.failure;
  } finally {
    output.release();
  }
};
