import { decodeUtf8 } from "@tessera/tensor/files";
import * as v from "valibot";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";

/** An interval around a number. */
export interface Spread {
  readonly low: number;
  readonly high: number;
}

/** One measured cell of a sweep: a model with some layers sparse. A row without layers is the dense model. */
export interface SweepRow {
  readonly cell: string;
  readonly model: string;
  readonly layers: readonly string[];
  readonly density: number;
  readonly realisedDensity: number;
  readonly blockSize: number;
  readonly criterion: string;
  /** Whether the layers are the sparse ones among dense ones, or the other way round: as the sweep names it. */
  readonly mode: string;
  /** How the model was trained after it was made sparse, in words or steps. */
  readonly recover: string;
  readonly seed: number;
  /** In nats. Absent in a cell that failed. */
  readonly loss?: number | undefined;
  /** Over test items. */
  readonly lossSpread?: Spread | undefined;
  /** In 0 … 1. */
  readonly accuracy?: number | undefined;
  readonly accuracySpread?: Spread | undefined;
  readonly parameters?: number | undefined;
  readonly bytes?: number | undefined;
  readonly forwardMs?: number | undefined;
  readonly stepMs?: number | undefined;
  readonly denseForwardMs?: number | undefined;
  readonly denseStepMs?: number | undefined;
  /** Device, threads, data and the like. */
  readonly conditions: Readonly<Record<string, unknown>>;
  /** Why the cell could not be measured. */
  readonly error?: string | undefined;
}

const { count, list, number, object, record, text } = shapes;
const spread = v.nullish(object({ low: number, high: number }));
const optional = v.nullish(number);
const words = v.union([text, number, v.null(), v.boolean(), record(v.unknown())], "a text, a number or an object");

const rowSchema = object({
  cell: text,
  model: text,
  layers: list(text),
  density: number,
  realisedDensity: number,
  blockSize: count,
  criterion: text,
  mode: text,
  recover: v.optional(words),
  seed: count,
  loss: optional,
  lossSpread: spread,
  accuracy: optional,
  accuracySpread: spread,
  parameters: optional,
  bytes: optional,
  forwardMs: optional,
  stepMs: optional,
  denseForwardMs: optional,
  denseStepMs: optional,
  conditions: v.optional(v.union([text, record(v.unknown())], "a text or an object")),
  error: v.nullish(v.union([text, record(v.unknown())], "a text or an object")),
});

/** Rows of the command before it knew seeds and times: one layer at a time. */
const oneLayerSchema = object({
  layer: text,
  density: number,
  realised: number,
  loss: number,
  accuracy: optional,
  model: text,
  data: text,
  blockSize: count,
  criterion: text,
  recoverySteps: count,
  seed: count,
  device: text,
});

const describeRecovery = (value: unknown): string => {
  if (typeof value === "number") return value === 0 ? "one-shot" : `${value} recovery steps`;
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "one-shot";
  const { steps } = value as { steps?: unknown };
  return typeof steps === "number" ? describeRecovery(steps) : JSON.stringify(value);
};

const describeError = (error: string | { readonly [name: string]: unknown }): string => {
  if (typeof error === "string") return error;
  return typeof error["message"] === "string" ? error["message"] : JSON.stringify(error);
};

const withoutNulls = (row: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined));

const parseRow = (line: string, place: string): SweepRow => {
  const options = { place, what: "a measured row", advice: "remove the line, and its cell is measured again" };
  const found = readCheckedJson(object({}), line, options);
  if ("layer" in found) {
    const row = readCheckedJson(oneLayerSchema, line, options);
    const { layer, realised, data, device, recoverySteps, seed, blockSize, criterion, model, density, loss } = row;
    const { accuracy } = row;
    return {
      cell: `${layer}@${density}`,
      model,
      layers: layer === "" ? [] : [layer],
      density,
      realisedDensity: realised,
      blockSize,
      criterion,
      mode: "one sparse layer",
      recover: describeRecovery(recoverySteps),
      seed,
      loss,
      ...(typeof accuracy === "number" ? { accuracy } : {}),
      conditions: { data, device },
    };
  }
  const { recover, conditions, error, ...row } = readCheckedJson(rowSchema, line, options);
  return {
    ...(withoutNulls(row) as unknown as SweepRow),
    recover: describeRecovery(recover),
    conditions: typeof conditions === "object" ? conditions : { conditions: conditions ?? "unknown" },
    ...(error === null || error === undefined ? {} : { error: describeError(error) }),
  };
};

/**
 * Reads rows, one JSON object a line. A last line that is cut short is left out. Of rows with the same cell and seed the last counts.
 *
 * @throws {CommandError} that names the line and what is wrong with it
 */
export const parseSweepRows = (bytes: Uint8Array, place: string): SweepRow[] => {
  const lines = decodeUtf8(bytes.subarray(0, bytes.lastIndexOf(10) + 1), place).split("\n");
  const rows = new Map<string, SweepRow>();
  lines.forEach((line, i) => {
    if (line === "") return;
    const row = parseRow(line, `${place}, line ${i + 1}`);
    const { cell, seed, model, criterion, recover, blockSize, mode, density } = row;
    rows.set(JSON.stringify([cell, seed, model, criterion, recover, blockSize, mode, density]), row);
  });
  return [...rows.values()];
};
