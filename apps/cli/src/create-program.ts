import { join } from "node:path";
import { ArgumentError, DeviceError, openDevice, setDefaultDevice, setThreads, type Backend } from "@tessera/tensor";
import { Command, type OptionValues } from "commander";
import { lastingWords, readCommandLine } from "./run-folder/command-line.ts";
import type { CommandDefinition, Context } from "./commands/command-definition.ts";
import { packageInfo } from "./package-info.ts";
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

/** Where a command writes. */
const outOf = ({ name }: CommandDefinition, { out }: GlobalOptions): string => out ?? join("runs", name);

const createContext = async (
  definition: CommandDefinition,
  options: GlobalOptions,
  words: readonly string[],
  stop: AbortSignal,
): Promise<Context> => {
  const { name, writes } = definition;
  const { seed, threads, resume = false, json = false, quiet = false } = options;
  if (writes === "nothing" && options.out !== undefined) {
    throw new UsageError(`--out: expected a command that writes, got ${name}; leave it out`);
  }
  if (!goesOn(definition) && resume) {
    throw new UsageError(`--resume: expected a command that can go on, got ${name}; leave it out`);
  }
  if (threads !== undefined) useThreads(threads);
  const device = await openNamedDevice(options.device);
  setDefaultDevice(device);
  const terminal = new Terminal({ json, quiet });
  return {
    terminal,
    seed,
    device: device.name,
    out: outOf(definition, options),
    resume,
    words,
    stop,
    ...(threads === undefined ? {} : { threads }),
  };
};

/** Whether a command can go on where it was. */
const goesOn = ({ writes }: CommandDefinition): boolean => writes !== "nothing" && writes !== "anew each time";

/** What a stopped command says about how to resume it. */
const resumeHints: Readonly<Record<CommandDefinition["writes"], string>> = {
  nothing: "",
  "anew each time": "",
  "afresh, or on with --resume": "; add --resume to go on",
  "always on": "; the same command goes on",
};

/** A command with its arguments and options, and nothing to do yet. */
const declareCommand = (program: Command, { name, summary, ...definition }: CommandDefinition): Command => {
  const command = program.command(name).description(summary);
  for (const argument of definition.arguments ?? []) command.addArgument(argument);
  for (const option of definition.options ?? []) command.addOption(option);
  return command;
};

/** What a command line says to its command. */
interface Said {
  options: OptionValues;
  args: readonly string[];
}

/** Commander passes the arguments one by one, a list of them as an array, then the options, then the command. An absent argument is undefined. */
const argumentsOf = (given: readonly unknown[]): string[] => given.slice(0, -2).flat() as string[];

/** Options of the present call alone: a run that goes on does not take them over. */
const THIS_TIME = new Set(["out", "resume", "fresh", "json", "quiet"]);

/** Reads a command line that was kept. */
const parseWords = (definition: CommandDefinition, words: readonly string[]): Said => {
  const program = addGlobalOptions(new Command("tessera").exitOverride().configureOutput({ outputError: () => {} }));
  const command = declareCommand(program, definition);
  let args: string[] = [];
  command.action((...given: unknown[]) => {
    args = argumentsOf(given);
  });
  program.parse(words, { from: "user" });
  return { options: command.optsWithGlobals(), args };
};

/** What is said now, and for the rest what the run was begun with. */
const completeBy = (command: Command, { options, args }: Said, before: Said): Said => {
  const taken = Object.entries(before.options).filter(
    ([name]) => !THIS_TIME.has(name) && command.getOptionValueSourceWithGlobals(name) !== "cli",
  );
  return {
    options: { ...options, ...Object.fromEntries(taken) },
    args: args.some((arg) => arg !== undefined) ? args : before.args,
  };
};

/** The options of the command itself: those that all share are in the context. */
const ownOptions = (command: Command, options: OptionValues): OptionValues => {
  const names = new Set(command.options.map((option) => option.attributeName()));
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.has(name)));
};

const addCommand = (
  program: Command,
  definition: CommandDefinition,
  words: readonly string[],
  outputFailed?: AbortSignal,
): void => {
  const { examples, writes } = definition;
  const command = declareCommand(program, definition);
  command.addHelpText(
    "after",
    `\n${examples.length > 1 ? "Examples" : "Example"}:\n${examples.map((line) => `  ${startCommand} ${line}`).join("\n")}`,
  );
  command.action(async (...given: unknown[]) => {
    const { signal, release } = listenForStop((text) => process.stderr.write(`${text}\n`));
    try {
      const stop = outputFailed ? AbortSignal.any([signal, outputFailed]) : signal;
      let said: Said = { options: command.optsWithGlobals(), args: argumentsOf(given) };
      const { resume } = said.options as GlobalOptions;
      // What a run or a sweep was begun with is in its folder.
      const folder = outOf(definition, said.options as GlobalOptions);
      const begun = resume && goesOn(definition) ? await readCommandLine(folder, definition.name) : undefined;
      if (begun) said = completeBy(command, said, parseWords(definition, begun));
      const lasting = begun ?? lastingWords(words);
      const context = await createContext(definition, said.options as GlobalOptions, lasting, stop);
      await definition.run(context, ownOptions(command, said.options), ...said.args);
    } catch (error) {
      throw error instanceof Interrupted ? new Interrupted(`${error.message}${resumeHints[writes]}`) : error;
    } finally {
      release();
    }
  });
};

/**
 * Builds the command line from its commands. Parsing throws `CommanderError` in place of ending the process and prints no error.
 *
 * @param words what is parsed, kept with the runs that it begins
 * @param outputFailed stops a command, as Ctrl-C does: nobody reads what it prints
 */
export const createProgram = (
  definitions: readonly CommandDefinition[],
  words: readonly string[],
  outputFailed?: AbortSignal,
): Command => {
  const program = new Command("tessera")
    .description("Block-sparse deep learning: train, patch, fine-tune and look at small RoBERTas.")
    .version(packageInfo.version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: true });
  addGlobalOptions(program);
  for (const definition of definitions) addCommand(program, definition, words, outputFailed);
  program.addHelpText(
    "after",
    `\nExample:\n  ${startCommand} demo\n\nEach command has an example of its own: ${startCommand} <command> --help`,
  );
  return program;
};
