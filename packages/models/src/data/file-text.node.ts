import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { DataError } from "./data-error.ts";

const unreadable = (path: string, cause: unknown): DataError => {
  const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  return new DataError(`${path}: expected a file that can be read, got ${reason}; check the path`, undefined, {
    cause,
  });
};

/** The text of a file in chunks, so that a corpus larger than the longest string can be read. */
export async function* readChunks(path: string): AsyncGenerator<string, void, undefined> {
  try {
    for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 20 }))
      yield chunk as string;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The text of a file. */
export const readWhole = async (path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
};

/** The last name of a path. */
export const baseName = (path: string): string => basename(path);
/** A file of a folder. */
export const joinPaths = (folder: string, file: string): string => join(folder, file);
