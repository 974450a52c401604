import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { hashFile } from "../run-folder/hash-file.ts";
import { describeFileError } from "../run-folder/describe-file-error.ts";
import { makeFolder } from "../run-folder/make-folder.ts";
import { openFolder } from "@tessera/models";
import type { SweepDescription } from "../sensitivity/sweep-options.ts";
import { CommandError } from "../terminal/command-error.ts";
import { formatBytes } from "../terminal/format.ts";

/** What a sweep reads. */
export type InputRole = "model" | "train" | "test" | "text";

/** A file that a sweep reads. */
export interface InputFile {
  /** In the model's folder, or of the texts. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** The model's folder, or a file of texts. */
export interface SweepInput {
  readonly role: InputRole;
  /** As the command line gave it: what rows and reports call it. */
  readonly path: string;
  /** On the machine of the sweep. */
  readonly absolute: string;
  readonly files: readonly InputFile[];
  /** Whether it is small enough to go through Redis. */
  readonly sent: boolean;
}

/** A model or a text that is larger is not sent: the machines share its path. */
export const MAX_SENT_BYTES = 64 * 2 ** 20;

/** What loaders of models read. Logs and reports lie beside it. */
const isOfModel = (name: string): boolean =>
  /\.(json|txt|safetensors)$/.test(name) && !["state.json", "trainer_state.json", "sweep.json"].includes(name);

const describeInput = async (role: InputRole, path: string, folder: string, names: readonly string[]) => {
  const files = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      return { name, sha256: await hashFile(file), bytes: (await stat(file)).size };
    }),
  );
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return { role, path, absolute: resolve(path), files, sent: total <= MAX_SENT_BYTES };
};

/** Finds all that a sweep reads, with hashes. */
export const gatherInputs = async ({ folder, train, test, text }: SweepDescription): Promise<SweepInput[]> => {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory() && isOfModel(entry.name)).map(({ name }) => name);
  const texts = Object.entries({ train, test, text }) as [InputRole, string | undefined][];
  return [
    await describeInput("model", folder, folder, names.sort()),
    ...(await Promise.all(
      texts.flatMap(([role, path]) =>
        path === undefined ? [] : [describeInput(role, path, resolve(path, ".."), [basename(path)])],
      ),
    )),
  ];
};

/** Reads a file that is sent. @throws {CommandError} if it has changed since the sweep began */
export const readInput = async (input: SweepInput, { name, sha256 }: InputFile): Promise<Buffer> => {
  const path = input.role === "model" ? join(input.absolute, name) : input.absolute;
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new CommandError(
      `${path}: expected a file that can be read, got ${describeFileError(cause)}; restore it, and give the same command again`,
      { cause },
    );
  }
  if (hashOf(bytes) === sha256) return bytes;
  throw new CommandError(`${path}: expected the file that the sweep began with, got another one; restore it`);
};

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Whether the files of an input lie in a folder. @returns the first that does not, and why */
const findMissing = async (folder: string, files: readonly InputFile[]): Promise<string | undefined> => {
  for (const { name, sha256 } of files) {
    const path = join(folder, name);
    const found = await hashFile(path).catch(() => undefined);
    if (found === undefined) return `no ${path}`;
    if (found !== sha256) return `another ${path} (SHA-256 ${found.slice(0, 8)}…, not ${sha256.slice(0, 8)}…)`;
  }
  return undefined;
};

/** A name without folders in it: what came through Redis must not be written elsewhere. */
const isPlainName = (name: string): boolean => name === basename(name) && !/^\.*$|[\\/\0]/.test(name);

/**
 * Finds an input of a sweep on this machine: at the path of the sweep, if its contents are the same, or in `cache`, where it is written
 * from what `receive` gives.
 *
 * @returns the path of the model's folder, or of the texts
 * @throws {CommandError} if this machine has other contents or none, and it is too large to be sent
 */
export const locateInput = async (
  { role, path, absolute, files, sent }: SweepInput,
  cache: string,
  receive: (file: InputFile) => Promise<Uint8Array>,
): Promise<string> => {
  const pathIn = (folder: string): string => (role === "model" ? folder : join(folder, files[0]!.name));
  const folderOf = (place: string): string => (role === "model" ? place : resolve(place, ".."));
  const places = [...new Set([resolve(path), absolute])];
  const reasons: string[] = [];
  for (const place of places) {
    const missing = await findMissing(folderOf(place), files);
    if (missing === undefined) return place;
    reasons.push(missing);
  }
  if (!sent) {
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    throw new CommandError(
      `worker: expected ${path} of the sweep on this machine, got ${reasons.join(" and ")}; ` +
        `copy or share it (its ${formatBytes(total)} are more than the ${formatBytes(MAX_SENT_BYTES)} that go through Redis)`,
    );
  }
  const bad = files.find(({ name }) => !isPlainName(name));
  if (bad) throw new CommandError(`worker: expected names of files in the sweep, got ${JSON.stringify(bad.name)}`);
  if ((await findMissing(cache, files)) === undefined) return pathIn(cache);
  await makeFolder(cache);
  const folder = await openFolder(cache);
  for (const file of files) {
    const bytes = await receive(file);
    if (hashOf(bytes) !== file.sha256)
      throw new CommandError(
        `worker: expected ${file.name} with SHA-256 ${file.sha256.slice(0, 8)}…, got other contents through Redis; give the command of the sweep again`,
      );
    await folder.write(new Map([[file.name, bytes]]));
  }
  return pathIn(cache);
};
