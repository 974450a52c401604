import { join } from "node:path";
import { openFolder } from "@tessera/models";
import { decodeUtf8 } from "@tessera/tensor/files";
import * as v from "valibot";
import { SWEEP_FILE } from "../run-folder/command-line.ts";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import { writeFileAtomic } from "../run-folder/write-file-atomic.ts";
import { CommandError } from "../terminal/command-error.ts";

const FILE = SWEEP_FILE;

const { count, list, object, sha256, text } = shapes;

const schema = object({
  model: text,
  checkpointHash: sha256,
  seed: count,
  device: text,
  recoverySteps: count,
  train: v.optional(text),
  test: v.optional(text),
  text: v.optional(text),
  labelsPerClass: v.optional(count),
  limit: v.optional(count),
  commandLine: v.optional(list(text)),
});

/** Which model a folder of rows is of, and on which texts: what `allocate` needs to measure what it expects. */
export interface SweepSettings {
  readonly model: string;
  readonly checkpointHash: string;
  readonly seed: number;
  readonly device: string;
  readonly recoverySteps: number;
  readonly train?: string;
  readonly test?: string;
  readonly text?: string;
  readonly labelsPerClass?: number;
  readonly limit?: number;
  /** The words that began it, or went on with it last. Older versions wrote none. */
  readonly commandLine?: readonly string[];
}

/** The settings of a folder of rows. @throws {CommandError} if there are none, or something else */
export const readSweepSettings = async (path: string): Promise<SweepSettings> => {
  const found = await findSweepSettings(path);
  if (found) return found;
  throw new CommandError(`${path}: expected a folder that sensitivity wrote, got one without ${FILE}; check the path`);
};

const findSweepSettings = async (path: string): Promise<SweepSettings | undefined> => {
  const folder = await openFolder(path);
  if (!(await folder.exists(FILE))) return undefined;
  const place = join(path, FILE);
  const advice = "give the same command again with another --out";
  const written = decodeUtf8(await folder.read(FILE), place);
  return readCheckedJson(schema, written, { place, what: "the settings of a sweep", advice }) as SweepSettings;
};

/** Notes the settings of a sweep. @throws {CommandError} if the folder has a sweep of another model */
export const noteSweepSettings = async (path: string, settings: SweepSettings): Promise<void> => {
  const before = await findSweepSettings(path);
  if (before && before.checkpointHash !== settings.checkpointHash)
    throw new CommandError(
      `${path}: expected a sweep of ${settings.model} (${settings.checkpointHash.slice(0, 8)}), got one of ${before.model} (${before.checkpointHash.slice(0, 8)}); name another --out`,
    );
  await writeFileAtomic(join(path, FILE), `${JSON.stringify(settings, null, 2)}\n`);
};
