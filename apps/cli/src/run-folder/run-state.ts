import { readdirSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { decodeUtf8 } from "@tessera/tensor/files";
import * as v from "valibot";
import { CommandError } from "../terminal/command-error.ts";
import { describeFileError, isFileError } from "./describe-file-error.ts";
import type { FolderLock } from "./folder-lock.ts";
import { hashFile } from "./hash-file.ts";
import { isLockFile } from "./lock-claim.ts";
import { readCheckedJson, shapes } from "./read-checked-json.ts";
import { writeFileAtomic } from "./write-file-atomic.ts";

/** The settings that decide a run's numbers. A run is resumed only under equal settings. */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

/** The schema of each phase's result: what a run folder says is checked when it is read. */
export type PhaseSchemas<Phases extends object> = { readonly [Name in keyof Phases]: v.GenericSchema<Phases[Name]> };

interface StateFile {
  version: 1;
  settings: RunSettings;
  /** The SHA-256 of each file that the run reads. Older versions wrote none. */
  inputs?: Record<string, string>;
  /** The words of the command line that began the run. Older versions wrote none. */
  commandLine?: string[];
  phases: Record<string, unknown>;
}

export interface OpenOptions {
  /** Removes the run that is there. */
  fresh?: boolean;
  /** Refuses a folder that has a run. */
  mustBeNew?: boolean;
  /** Files that the run reads, by the option that names them. A run is resumed only on equal contents. */
  inputs?: Readonly<Record<string, string>>;
  /** What settings were before there was a choice: a run of a version that did not write them had these. */
  earlier?: RunSettings;
  /** The words of the command line, kept so that `--resume` alone goes on. */
  commandLine?: readonly string[];
  /** Without it nothing is checked before a write. */
  lock?: Pick<FolderLock, "assertOwned">;
}

/** The state of a run, in its folder. */
export const STATE_FILE = "state.json";
const FILE = STATE_FILE;
const START_OVER = "start over with --fresh";

const createStateSchema = <Phases extends object>(phases: PhaseSchemas<Phases>) =>
  shapes.object({
    version: v.literal(1, "1"),
    settings: shapes.record(v.union([v.string(), v.number(), v.boolean()], "a text, a number, true or false")),
    inputs: v.optional(shapes.record(shapes.sha256)),
    commandLine: v.optional(shapes.list(shapes.text)),
    phases: shapes.object(
      Object.fromEntries(Object.entries<v.GenericSchema>(phases).map(([name, schema]) => [name, v.optional(schema)])),
    ),
  });

const readState = async <Phases extends object>(
  path: string,
  phases: PhaseSchemas<Phases>,
): Promise<StateFile | undefined> => {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if (isFileError(cause, "ENOENT")) return undefined;
    throw new CommandError(
      `${path}: expected the state of a run, got ${describeFileError(cause)}; name another --out`,
      { cause },
    );
  }
  const what = { place: path, what: "the state of a run", advice: START_OVER };
  return readCheckedJson(createStateSchema(phases), decodeUtf8(bytes, path), what) as StateFile;
};

/**
 * Removes a run. It refuses any other folder: `--fresh --out ~` must not delete a home directory. A kill in the middle leaves a state
 * that no settings match, so that nothing of the old run is taken for a part of a new one.
 */
const removeRun = async (folder: string): Promise<void> => {
  let entries: string[];
  try {
    entries = readdirSync(folder).filter((entry) => !isLockFile(entry));
  } catch (error) {
    if (isFileError(error, "ENOENT")) return;
    throw error;
  }
  if (entries.length === 0) return;
  if (!entries.includes(FILE)) {
    throw new CommandError(`${folder}: expected a run to start over, got a folder without ${FILE}; name another --out`);
  }
  const removed: StateFile = { version: 1, settings: { removed: true }, phases: {} };
  await writeFileAtomic(join(folder, FILE), `${JSON.stringify(removed)}\n`);
  for (const entry of entries.filter((name) => name !== FILE))
    await rm(join(folder, entry), { recursive: true, force: true });
  await rm(join(folder, FILE));
};

const formatSettings = (settings: RunSettings, names: readonly string[]): string =>
  names.map((name) => `${name} ${settings[name] ?? "unset"}`).join(", ");

const hashInputs = async (inputs: Readonly<Record<string, string>>): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(Object.entries(inputs).map(async ([name, path]) => [name, await hashFile(path)] as const)),
  );

/**
 * The phases of a run that are done and their results, kept in `state.json` of its folder. A phase is recorded once all its
 * files are on the disk, so a run that was killed resumes at the first phase that is not recorded.
 *
 * `Phases` maps the name of each phase to its result, which is plain data.
 */
export class RunState<Phases extends object> {
  private constructor(
    readonly folder: string,
    private readonly state: StateFile,
    /** Whether the folder had this run already. */
    readonly isResumed: boolean,
    private readonly lock: OpenOptions["lock"],
  ) {}

  /**
   * Reads the state of a run folder, or starts a new one there.
   *
   * @throws {CommandError} if the folder holds a run with other settings or on other texts, a damaged one, or is not a run and
   *   should be removed
   */
  static async open<Phases extends object>(
    folder: string,
    settings: RunSettings,
    phases: PhaseSchemas<Phases>,
    { fresh = false, mustBeNew = false, inputs = {}, earlier = {}, commandLine, lock }: OpenOptions = {},
  ): Promise<RunState<Phases>> {
    const hashes = await hashInputs(inputs);
    if (fresh) await removeRun(folder);
    const found = await readState(join(folder, FILE), phases);
    if (found && mustBeNew) {
      throw new CommandError(
        `${folder}: expected no run, got one; go on with --resume, ${START_OVER}, or name another --out`,
      );
    }
    if (found) {
      const before: RunSettings = { ...earlier, ...found.settings };
      const names = [...new Set([...Object.keys(before), ...Object.keys(settings)])];
      const other = names.filter((name) => before[name] !== settings[name]);
      // The number of texts is among the settings: another file says more than another number.
      const sameNames = Object.keys(inputs).filter((name) => !other.includes(name.replace(/^--/, "")));
      for (const name of sameNames) checkInput(folder, name, inputs[name]!, found.inputs?.[name], hashes[name]!);
      if (other.length > 0) {
        throw new CommandError(
          `${folder}: expected a run with ${formatSettings(settings, other)}, got one with ${formatSettings(before, other)}; ` +
            `${START_OVER}, or name another --out`,
        );
      }
    }
    const known = Object.keys(hashes).length > 0 ? { inputs: hashes } : {};
    const words = found?.commandLine ?? commandLine;
    const state: StateFile = {
      version: 1,
      settings,
      ...known,
      ...(words ? { commandLine: [...words] } : {}),
      phases: found?.phases ?? {},
    };
    const run = new RunState<Phases>(folder, state, found !== undefined, lock);
    // A run that an older version began learns what it reads now, and how it was begun.
    if (!found || (!found.inputs && state.inputs) || (!found.commandLine && state.commandLine)) await run.write();
    return run;
  }

  /** The path of something in the folder. */
  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  get settings(): RunSettings {
    return this.state.settings;
  }

  /** The words of the command line that began it, if known. */
  get commandLine(): readonly string[] | undefined {
    return this.state.commandLine;
  }

  /** The result of a phase; undefined until it is done. */
  get<Name extends keyof Phases & string>(phase: Name): Phases[Name] | undefined {
    return this.state.phases[phase] as Phases[Name] | undefined;
  }

  /** Records a phase as done. @throws {CommandError} if the folder is this process's no longer */
  async complete<Name extends keyof Phases & string>(phase: Name, result: Phases[Name]): Promise<void> {
    this.state.phases[phase] = result;
    await this.write();
  }

  /** @throws {CommandError} if the folder is this process's no longer */
  assertOwned(): void {
    this.lock?.assertOwned();
  }

  private async write(): Promise<void> {
    this.assertOwned();
    await writeFileAtomic(this.path(FILE), `${JSON.stringify(this.state, null, 2)}\n`);
  }
}

const checkInput = (folder: string, name: string, path: string, before: string | undefined, now: string): void => {
  if (before === undefined || before === now) return;
  throw new CommandError(
    `${folder}: expected ${name} ${path} as it was when the run began (SHA-256 ${before.slice(0, 8)}…), got other contents (${now.slice(0, 8)}…); restore the file, or ${START_OVER}`,
  );
};
