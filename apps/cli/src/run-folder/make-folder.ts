import { makeFolder as makeFolderOfDisk } from "@tessera/models";
import { CommandError } from "../terminal/command-error.ts";
import { describeFileError } from "./describe-file-error.ts";

/** What is said of a folder that cannot be written. */
export const createUnwritableError = (folder: string, cause: unknown): CommandError =>
  new CommandError(
    `${folder}: expected a folder that can be written, got ${describeFileError(cause)}; name another --out`,
    { cause },
  );

/**
 * Makes a folder, and those above it.
 *
 * @throws {CommandError} if it cannot be made
 * @returns whether it was not there
 */
export const makeFolder = async (folder: string): Promise<boolean> => {
  try {
    return await makeFolderOfDisk(folder);
  } catch (error) {
    throw createUnwritableError(folder, error instanceof Error ? (error.cause ?? error) : error);
  }
};
