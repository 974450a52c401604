import { createHash } from "node:crypto";
import { criteria, sensitivityModes, type CriterionName, type SensitivityCell } from "@tessera/sparse";
import * as v from "valibot";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import type { SweepDescription } from "../sensitivity/sweep-options.ts";
import { KEY_PREFIX } from "./redis-link.ts";
import type { SweepInput } from "./sweep-inputs.ts";

/** What workers are told of a sweep: how its cells are measured, and of what. */
export interface QueuedSweep {
  /** Of `@tessera/cli`: other versions may give other numbers. */
  readonly version: string;
  /** Of the kernels: other ones give other last digits. */
  readonly rounding: string;
  readonly sweep: SweepDescription;
  readonly inputs: readonly SweepInput[];
}

const { count, list, number, object, sha256, text } = shapes;

const nameOf = (names: readonly string[]) => v.picklist(names, names.join(" or "));

const sweepSchema = object({
  version: text,
  rounding: text,
  sweep: object({
    folder: text,
    checkpointHash: sha256,
    seed: count,
    device: text,
    densities: list(number),
    blockSize: list(count),
    criterion: list(nameOf(Object.keys(criteria))),
    seeds: list(count),
    mode: list(nameOf(sensitivityModes)),
    groups: nameOf(["layer", "kind"]),
    layers: object({ source: text, flags: text }),
    recoverySteps: count,
    train: v.optional(text),
    test: v.optional(text),
    text: v.optional(text),
    labelsPerClass: v.optional(count),
    limit: v.optional(count),
  }),
  inputs: list(
    object({
      role: nameOf(["model", "train", "test", "text"]),
      path: text,
      absolute: text,
      files: v.pipe(list(object({ name: text, sha256, bytes: count })), v.minLength(1, "files")),
      sent: shapes.flag,
    }),
  ),
});

/** The job of a cell. */
export interface CellJob {
  readonly sweep: string;
  readonly cell: SensitivityCell;
}

const jobSchema = object({
  sweep: text,
  cell: object({
    cell: text,
    mode: nameOf(["dense", ...sensitivityModes]),
    group: text,
    layers: list(text),
    shapes: list(v.tuple([count, count], "two whole numbers")),
    density: number,
    blockSize: count,
    criterion: text,
    seed: count,
    recover: count,
  }),
});

/** What to do about keys that hold something else. */
export const OTHER_PROGRAM = "are the keys that begin with tessera: another program's? name another database";

/** @throws {CommandError} if it is something else */
export const readCellJob = (value: unknown): CellJob =>
  readCheckedJson(jobSchema, JSON.stringify(value) ?? "", {
    place: "the queue",
    what: "a cell",
    advice: OTHER_PROGRAM,
  }) as unknown as CellJob;

export const writeQueuedSweep = ({ sweep, ...rest }: QueuedSweep): string => {
  const { source, flags } = sweep.layers;
  return JSON.stringify({ ...rest, sweep: { ...sweep, layers: { source, flags } } });
};

/** @throws {CommandError} if it is something else */
export const readQueuedSweep = (written: string): QueuedSweep => {
  const place = { place: "the queue", what: "a sweep", advice: OTHER_PROGRAM };
  const { sweep, ...rest } = readCheckedJson(sweepSchema, written, place);
  return {
    ...(rest as Omit<QueuedSweep, "sweep">),
    sweep: {
      ...(sweep as unknown as SweepDescription),
      criterion: sweep.criterion as CriterionName[],
      layers: new RegExp(sweep.layers.source, sweep.layers.flags),
    },
  };
};

const hashOf = (written: string): string => createHash("sha256").update(written).digest("hex").slice(0, 16);

/** Names a sweep by what determines its numbers: the same command finds its rows again. */
export const nameSweep = (queued: QueuedSweep): string => hashOf(writeQueuedSweep(queued));

/** Where things of a sweep are. */
export const keysOf = (sweep: string) => ({
  /** A text: what workers are told. */
  sweep: `${KEY_PREFIX}:sweep:${sweep}`,
  /** A hash from cells to rows that nobody has collected yet. */
  rows: `${KEY_PREFIX}:rows:${sweep}`,
});

/** Where the contents of a file are. */
export const keyOfFile = (sha256OfFile: string): string => `${KEY_PREFIX}:file:${sha256OfFile}`;

/** The job of a cell: equal cells are one job. */
export const nameJob = (sweep: string, { cell }: SensitivityCell): string => `${sweep}-${hashOf(cell)}`;
