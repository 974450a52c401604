import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { CommandError } from "../terminal/command-error.ts";

/** The SHA-256 of a file's bytes, in hexadecimal. @throws {CommandError} if it cannot be read */
export const hashFile = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new CommandError(`${path}: expected a file that can be read, got ${reason}; check the path`, { cause });
  }
  return hash.digest("hex");
};
