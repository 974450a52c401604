import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { STATE_FILE } from "./run-state.ts";

/** What says how a command runs this time, and not what it computes. */
const THIS_TIME = new Set(["--resume", "--fresh", "--json", "--quiet"]);

/** The words of a command line that a resumed run needs again. */
export const lastingWords = (words: readonly string[]): string[] => words.filter((word) => !THIS_TIME.has(word));

const schema = v.looseObject({ commandLine: v.array(v.string()) });

/** The command line that a run was begun with. None if there is no run, or one that an older version began; whether it is damaged is for `RunState`. */
export const readCommandLine = async (folder: string): Promise<string[] | undefined> => {
  try {
    const { success, output } = v.safeParse(schema, JSON.parse(await readFile(join(folder, STATE_FILE), "utf8")));
    return success ? output.commandLine : undefined;
  } catch {
    return undefined;
  }
};

/** A word without the password of an address in it. */
const withoutPassword = (word: string): string => word.replace(/(\w+:\/\/[^\s:@/]*):[^\s@/]*@/, "$1:***@");

/** Writes words as a shell takes them, for people: passwords are left out. */
export const formatCommandLine = (words: readonly string[]): string =>
  ["tessera", ...words]
    .map(withoutPassword)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
