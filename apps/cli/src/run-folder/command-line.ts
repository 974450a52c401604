import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { STATE_FILE } from "./run-state.ts";

/** What a folder of measured rows was made with. */
export const SWEEP_FILE = "sweep.json";

/** What says how a command runs this time, and not what it computes. */
const THIS_TIME = new Set(["--resume", "--fresh", "--json", "--quiet", "--retry-failed", "--dry-run"]);

/** The words of a command line that a resumed run needs again. */
export const lastingWords = (words: readonly string[]): string[] => words.filter((word) => !THIS_TIME.has(word));

const schema = v.looseObject({ commandLine: v.array(v.string()) });

/** Where command lines are kept: those of runs, and those of sweeps. */
const FILES = [STATE_FILE, SWEEP_FILE];

const readFrom = async (path: string): Promise<string[] | undefined> => {
  try {
    const { success, output } = v.safeParse(schema, JSON.parse(await readFile(path, "utf8")));
    return success ? output.commandLine : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The command line of a command that began what is in a folder. None if there is nothing, or what another command or an older version
 * began; whether it is damaged is for who reads the rest.
 */
export const readCommandLine = async (folder: string, command: string): Promise<string[] | undefined> => {
  for (const file of FILES) {
    const words = await readFrom(join(folder, file));
    if (words?.includes(command)) return words;
  }
  return undefined;
};

/** A word without the password of an address in it. */
const withoutPassword = (word: string): string => word.replace(/(\w+:\/\/[^\s:@/]*):[^\s@/]*@/, "$1:***@");

/** Writes words as a shell takes them, for people: passwords are left out. */
export const formatCommandLine = (words: readonly string[]): string =>
  ["tessera", ...words]
    .map(withoutPassword)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
