import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { FormatError } from "@tessera/tensor/error";
import { decodeUtf8, TextEncodingError, Utf8Reader } from "@tessera/tensor/files";
import { DataError } from "./data-error.ts";

const unreadable = (path: string, cause: unknown): DataError => {
  if (cause instanceof FormatError)
    return new DataError(cause.message, cause instanceof TextEncodingError ? cause.line : undefined, { cause });
  const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  return new DataError(`${path}: expected a file that can be read, got ${reason}; check the path`, undefined, {
    cause,
  });
};

/** The text of a file in chunks, so that a corpus larger than the longest string can be read. What is no UTF-8 is an error. */
export async function* readChunks(path: string): AsyncGenerator<string, void, undefined> {
  try {
    const reader = new Utf8Reader(basename(path));
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
      yield reader.read(chunk as Uint8Array);
    yield reader.end();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The text of a file. What is no UTF-8 is an error. */
export const readWhole = async (path: string): Promise<string> => {
  try {
    return decodeUtf8(await readFile(path), basename(path));
  } catch (cause) {
    throw unreadable(path, cause);
  }
};

/** The last name of a path. */
export const baseName = (path: string): string => basename(path);
/** A file of a folder. */
export const joinPaths = (folder: string, file: string): string => join(folder, file);
