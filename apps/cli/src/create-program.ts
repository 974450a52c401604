import { createRequire } from "node:module";
import { join } from "node:path";
import { ArgumentError, DeviceError, openDevice, setDefaultDevice, setThreads, type Backend } from "@tessera/tensor";
import { Command, type OptionValues } from "commander";
import type { CommandDefinition, Context } from "./commands/command-definition.ts";
import { Interrupted, UsageError } from "./terminal/command-error.ts";
import { parseWholeNumber } from "./terminal/parse-argument.ts";
import { listenForStop } from "./terminal/listen-for-stop.ts";
import { startCommand } from "./terminal/start-command.ts";
import { Terminal } from "./terminal/terminal.ts";

interface GlobalOptions {
  seed: number;
  threads?: number;
  device: string;
  out?: string;
  resume?: true;
  json?: true;
  quiet?: true;
}

/** `auto` is a hardware GPU where there is one, else the cpu. */
const DEVICES = ["cpu", "reference", "webgpu", "auto"] as const;

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

const addGlobalOptions = (program: Command): Command =>
  program
    .option("--seed <n>", "seed of everything random", parseWholeNumber(0), 0)
    .option("--threads <n>", "threads of the cpu device (default: as many as the machine runs)", parseWholeNumber(1))
    .option("--device <name>", `where tensors live: ${DEVICES.join(", ")}`, "cpu")
    .option("--out <dir>", "where results go (default: runs/<command>)")
    .option("--resume", "go on with what is in --out")
    .option("--json", "print the result as one line of JSON, and nothing else")
    .option("--quiet", "print the result alone");

const useThreads = (count: number): void => {
  try {
    setThreads(count);
  } catch (error) {
    throw error instanceof ArgumentError ? new UsageError(`--threads: ${error.message}`, { cause: error }) : error;
  }
};

/** Opens the device of a name. */
const openNamedDevice = async (name: string): Promise<Backend> => {
  const known = DEVICES.find((device) => device === name);
  if (!known) throw new UsageError(`--device: expected ${DEVICES.join(" or ")}, got ${name}`);
  try {
    return await openDevice(known);
  } catch (error) {
    throw error instanceof DeviceError ? new UsageError(`--device: ${error.message}`, { cause: error }) : error;
  }
};

const createContext = async (
  definition: CommandDefinition,
  options: GlobalOptions,
  stop: AbortSignal,
): Promise<Context> => {
  const { name, writes } = definition;
  const { seed, threads, out = join("runs", name), resume = false, json = false, quiet = false } = options;
  if (writes === "nothing" && options.out !== undefined) {
    throw new UsageError(`--out: expected a command that writes, got ${name}; leave it out`);
  }
  if ((writes === "nothing" || writes === "anew each time") && resume) {
    throw new UsageError(`--resume: expected a command that can go on, got ${name}; leave it out`);
  }
  if (threads !== undefined) useThreads(threads);
  const device = await openNamedDevice(options.device);
  setDefaultDevice(device);
  const terminal = new Terminal({ json, quiet });
  return { terminal, seed, device: device.name, out, resume, stop, ...(threads === undefined ? {} : { threads }) };
};

/** What a stopped command says about how to resume it. */
const resumeHints: Readonly<Record<CommandDefinition["writes"], string>> = {
  nothing: "",
  "anew each time": "",
  "afresh, or on with --resume": "; add --resume to go on",
  "always on": "; the same command goes on",
};

const addCommand = (program: Command, definition: CommandDefinition, outputFailed?: AbortSignal): void => {
  const { name, summary, examples } = definition;
  const command = program.command(name).description(summary);
  for (const argument of definition.arguments ?? []) command.addArgument(argument);
  for (const option of definition.options ?? []) command.addOption(option);
  command.addHelpText(
    "after",
    `\n${examples.length > 1 ? "Examples" : "Example"}:\n${examples.map((line) => `  ${startCommand} ${line}`).join("\n")}`,
  );
  // Commander passes the arguments one by one, then the options, then the command. An absent argument is undefined.
  command.action(async (...given: unknown[]) => {
    const args = given.slice(0, -2) as string[];
    const { signal, release } = listenForStop((text) => process.stderr.write(`${text}\n`));
    try {
      const stop = outputFailed ? AbortSignal.any([signal, outputFailed]) : signal;
      const context = await createContext(definition, command.optsWithGlobals<OptionValues & GlobalOptions>(), stop);
      await definition.run(context, command.opts(), ...args);
    } catch (error) {
      throw error instanceof Interrupted ? new Interrupted(`${error.message}${resumeHints[definition.writes]}`) : error;
    } finally {
      release();
    }
  });
};

/**
 * Builds the command line from its commands. Parsing throws `CommanderError` in place of ending the process and prints no error.
 *
 * @param outputFailed stops a command, as Ctrl-C does: nobody reads what it prints
 */
export const createProgram = (definitions: readonly CommandDefinition[], outputFailed?: AbortSignal): Command => {
  const program = new Command("tessera")
    .description("Block-sparse deep learning: train, patch, fine-tune and look at small RoBERTas.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: true });
  addGlobalOptions(program);
  for (const definition of definitions) addCommand(program, definition, outputFailed);
  program.addHelpText(
    "after",
    `\nExample:\n  ${startCommand} demo\n\nEach command has an example of its own: ${startCommand} <command> --help`,
  );
  return program;
};
