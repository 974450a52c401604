import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CommandError } from "../terminal/command-error.ts";
import { writeFileAtomic } from "./write-file-atomic.ts";

/** The settings that decide a run's numbers. A run is resumed only under equal settings. */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

interface StateFile {
  version: 1;
  settings: RunSettings;
  phases: Record<string, unknown>;
}

const FILE = "state.json";

const parseState = (path: string, text: string): StateFile => {
  try {
    const state = JSON.parse(text) as Partial<StateFile> | null;
    if (state?.version === 1 && state.settings && state.phases) return state as StateFile;
  } catch {
    // Reported below, as any other file that is not a state.
  }
  throw new CommandError(`${path}: expected the state of a run, got something else; start over with --fresh`);
};

const readState = async (path: string): Promise<StateFile | undefined> => {
  try {
    return parseState(path, await readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

/** Removes a run. It refuses any other folder: `--fresh --out ~` must not delete a home directory. */
const removeRun = async (folder: string): Promise<void> => {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (entries.length > 0 && !entries.includes(FILE)) {
    throw new CommandError(`${folder}: expected a run to start over, got a folder without ${FILE}; name another --out`);
  }
  await rm(folder, { recursive: true, force: true });
};

const formatSettings = (settings: RunSettings, names: readonly string[]): string =>
  names.map((name) => `${name} ${settings[name] ?? "unset"}`).join(", ");

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
  ) {}

  /**
   * Reads the state of a run folder, or starts a new one there.
   *
   * @param options.fresh removes the run that is there
   * @param options.mustBeNew refuses a folder that has a run
   * @throws {CommandError} if the folder holds a run with other settings, or is not a run and should be removed
   */
  static async open<Phases extends object>(
    folder: string,
    settings: RunSettings,
    { fresh = false, mustBeNew = false }: { fresh?: boolean; mustBeNew?: boolean } = {},
  ): Promise<RunState<Phases>> {
    if (fresh) await removeRun(folder);
    const found = await readState(join(folder, FILE));
    if (found && mustBeNew) {
      throw new CommandError(
        `${folder}: expected no run, got one; go on with --resume, start over with --fresh, or name another --out`,
      );
    }
    if (found) {
      const names = [...new Set([...Object.keys(found.settings), ...Object.keys(settings)])];
      const other = names.filter((name) => found.settings[name] !== settings[name]);
      if (other.length > 0) {
        throw new CommandError(
          `${folder}: expected a run with ${formatSettings(settings, other)}, got one with ${formatSettings(found.settings, other)}; ` +
            `start over with --fresh, or name another --out`,
        );
      }
    }
    const run = new RunState<Phases>(folder, found ?? { version: 1, settings, phases: {} }, found !== undefined);
    if (!found) await run.write();
    return run;
  }

  /** The path of something in the folder. */
  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** The result of a phase; undefined until it is done. */
  get<Name extends keyof Phases & string>(phase: Name): Phases[Name] | undefined {
    return this.state.phases[phase] as Phases[Name] | undefined;
  }

  /** Records a phase as done. */
  async complete<Name extends keyof Phases & string>(phase: Name, result: Phases[Name]): Promise<void> {
    this.state.phases[phase] = result;
    await this.write();
  }

  private write(): Promise<void> {
    return writeFileAtomic(this.path(FILE), `${JSON.stringify(this.state, null, 2)}\n`);
  }
}
