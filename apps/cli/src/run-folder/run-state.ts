import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CommandError } from "../terminal/command-error.ts";
import { writeFileAtomic } from "./write-file-atomic.ts";

/** What changes the numbers of a run: a run may only be gone on with under the same. */
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
    // The message below says it.
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

/** Removes a run, and nothing that is not one: `--fresh --out ~` must not empty a home. */
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

const show = (settings: RunSettings, names: readonly string[]): string =>
  names.map((name) => `${name} ${settings[name] ?? "unset"}`).join(", ");

/**
 * Which phases of a run are done, and what came of them, in `state.json` of its folder. A phase is entered when all it
 * leaves behind is on the disk, so a run that was killed goes on at the first phase that is not there.
 *
 * `Phases` has the result of each phase by its name; results are plain data.
 */
export class RunState<Phases extends object> {
  private constructor(
    readonly folder: string,
    private readonly state: StateFile,
    /** Whether it was begun before. */
    readonly isResumed: boolean,
  ) {}

  /**
   * Reads the state of a folder, or begins one there.
   *
   * @param options.fresh removes what is there
   * @param options.mustBeNew refuses to go on with what is there
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
          `${folder}: expected a run with ${show(settings, other)}, got one with ${show(found.settings, other)}; ` +
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

  /** What came of a phase; undefined while it is not done. */
  get<Name extends keyof Phases & string>(phase: Name): Phases[Name] | undefined {
    return this.state.phases[phase] as Phases[Name] | undefined;
  }

  /** Enters a phase as done. */
  async complete<Name extends keyof Phases & string>(phase: Name, result: Phases[Name]): Promise<void> {
    this.state.phases[phase] = result;
    await this.write();
  }

  private write(): Promise<void> {
    return writeFileAtomic(this.path(FILE), `${JSON.stringify(this.state, null, 2)}\n`);
  }
}
