import { readFile } from "node:fs/promises";
import { checkPatterns, type Patterns } from "@tessera/sparse";
import { decodeUtf8 } from "@tessera/tensor/files";
import { TesseraError } from "@tessera/tensor";
import { describeFileError } from "../run-folder/describe-file-error.ts";
import { CommandError } from "../terminal/command-error.ts";

/** Reads a file of patterns. @throws {CommandError} if it cannot be read, is no JSON, or describes no patterns */
export const readPatterns = async (path: string): Promise<Patterns> => {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new CommandError(
      `${path}: expected a file that can be read, got ${describeFileError(cause)}; check the path`,
      { cause },
    );
  }
  const text = decodeUtf8(bytes, path);
  try {
    return checkPatterns(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof TesseraError) throw new CommandError(`${path}: ${cause.message}`, { cause });
    throw new CommandError(
      `${path}: expected patterns as JSON, got text that is none; write the file anew with allocate`,
      {
        cause,
      },
    );
  }
};
