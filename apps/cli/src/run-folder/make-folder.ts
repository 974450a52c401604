import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CommandError } from "../terminal/command-error.ts";
import { describeFileError, isFileError } from "./describe-file-error.ts";

/** What is said of a folder that cannot be written. */
export const createUnwritableError = (folder: string, cause: unknown): CommandError =>
  new CommandError(
    `${folder}: expected a folder that can be written, got ${describeFileError(cause)}; name another --out`,
    { cause },
  );

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** One level at a time: Node's own recursive mkdir never returns from `/proc/x`, whose parent is there and takes no entries. */
const makeLevels = (path: string): boolean => {
  if (isFolder(path)) return false;
  const parent = dirname(path);
  if (parent !== path) makeLevels(parent);
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    // Another process made it in the meantime.
    if (isFileError(error, "EEXIST") && isFolder(path)) return false;
    throw error;
  }
};

/**
 * Makes a folder, and those above it.
 *
 * @throws {CommandError} if it cannot be made
 * @returns whether it was not there
 */
export const makeFolder = (folder: string): boolean => {
  try {
    return makeLevels(resolve(folder));
  } catch (cause) {
    throw createUnwritableError(folder, cause);
  }
};
