import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { LogEntry } from "@tessera/models/training";
import * as v from "valibot";
import type { BlockMosaicData } from "../report/render-block-mosaic.ts";
import { formatCommandLine } from "../run-folder/command-line.ts";
import { isFileError } from "../run-folder/describe-file-error.ts";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import { STATE_FILE, type RunSettings } from "../run-folder/run-state.ts";
import { CommandError } from "../terminal/command-error.ts";
import { readLog } from "../training/train-model.ts";
import { readBlocksBefore, readSavedBlocks } from "./read-blocks.ts";

/** A run of `pretrain` or `finetune`, as its folder tells it. */
export interface Run {
  folder: string;
  /** Unknown of runs that older versions began. */
  command: string | undefined;
  settings: RunSettings;
  /** Numbers and words of the last phase; empty while the run is under way. */
  result: Readonly<Record<string, string | number>>;
  log: readonly LogEntry[];
  before: readonly BlockMosaicData[];
  after: readonly BlockMosaicData[];
  /** Bytes of the saved weights. */
  bytes: number | undefined;
}

const { list, object, record, text } = shapes;

const stateSchema = object({
  settings: record(v.union([v.string(), v.number(), v.boolean()], "a text, a number, true or false")),
  commandLine: v.optional(list(text)),
  phases: record(v.looseObject({}, "an object")),
});

const isPlain = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number";

/** Reads a run. @throws {CommandError} if the folder has none, or a damaged one */
export const readRun = async (folder: string): Promise<Run> => {
  const place = join(folder, STATE_FILE);
  let written: string;
  try {
    written = await readFile(place, "utf8");
  } catch (cause) {
    if (!isFileError(cause)) throw cause;
    throw new CommandError(
      `${folder}: expected the folder of a run of pretrain or finetune, got one without ${STATE_FILE}; check the path`,
      { cause },
    );
  }
  const state = readCheckedJson(stateSchema, written, { place, what: "the state of a run", advice: "run it anew" });
  const { settings, commandLine, phases } = state;
  const training = join(folder, "training");
  const saved = await readSavedBlocks(folder);
  const result = phases["pretraining"] ?? phases["finetuning"] ?? {};
  return {
    folder,
    command: commandLine && formatCommandLine(commandLine),
    settings,
    result: Object.fromEntries(
      Object.entries(result).flatMap(([name, value]) => (isPlain(value) ? [[name, value] as const] : [])),
    ),
    log: await readLog(training),
    before: await readBlocksBefore(training),
    after: saved?.layers ?? [],
    bytes: saved?.bytes,
  };
};
