import { join } from "node:path";
import { openFolder, type FileStore } from "@tessera/models";
import { sensitivityModes, type SensitivityRow, type SensitivityStore } from "@tessera/sparse";
import { decodeUtf8 } from "@tessera/tensor/files";
import * as v from "valibot";
import type { FolderLock } from "../run-folder/folder-lock.ts";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import { CommandError } from "../terminal/command-error.ts";

/** The file of the measured rows. */
export const ROWS_FILE = "rows.jsonl";
const NEWLINE = 10;

const { count, list, number, object, text } = shapes;

const share = v.pipe(number, v.minValue(0, "a number from 0 to 1"), v.maxValue(1, "a number from 0 to 1"));
const spread = object({ low: number, high: number });

const rowSchema = object({
  cell: text,
  mode: v.picklist(["dense", ...sensitivityModes], `a mode: dense, ${sensitivityModes.join(", ")}`),
  group: text,
  layers: list(text),
  shapes: list(v.tuple([count, count], "two whole numbers")),
  density: share,
  blockSize: count,
  criterion: text,
  seed: count,
  recover: count,
  model: text,
  checkpointHash: text,
  conditions: shapes.record(v.union([text, number, shapes.flag], "a text, a number, true or false")),
  error: v.optional(text),
  realisedDensity: v.optional(share),
  layoutHash: v.optional(text),
  loss: v.optional(number),
  lossSpread: v.optional(spread),
  accuracy: v.optional(share),
  accuracySpread: v.optional(spread),
  parameters: v.optional(count),
  bytes: v.optional(count),
  forwardMs: v.optional(number),
  denseForwardMs: v.optional(number),
  stepMs: v.optional(number),
  denseStepMs: v.optional(number),
});

/** A row of versions without modes, spreads and sizes: it has a layer in place of a cell. */
const earlierSchema = object({ layer: text, realised: share, cell: v.optional(v.undefined()) });

const ADVICE = "remove the line, and its cell is measured again";

/** Reads a row. @throws {CommandError} if it is none */
export const parseRow = (written: string, place: string, advice: string): SensitivityRow => {
  readCheckedJson(rowSchema, written, { place, what: "a measured row", advice });
  // As it was written, key by key: a row that is merged is the same text.
  const row = JSON.parse(written) as SensitivityRow;
  if (row.error === undefined && row.loss === undefined)
    throw new CommandError(`${place}: loss: expected a value, got nothing; ${advice}`);
  return row;
};

/** Reads a row of this version or another. @throws {CommandError} if it is none, or of a version before */
const parseLine = (line: string, path: string, number_: number): SensitivityRow => {
  const place = `${path}, line ${number_}`;
  const value = readCheckedJson(v.looseObject({}, "an object"), line, {
    place,
    what: "a measured row",
    advice: ADVICE,
  });
  if (v.is(earlierSchema, value))
    throw new CommandError(
      `${place}: expected a row of this version, got one of a version that measured no spread, parameters or bytes; name another --out, or remove ${path} to measure its cells anew`,
    );
  return parseRow(line, place, ADVICE);
};

/** The measured rows of a sweep, kept in `rows.jsonl` of a folder: one JSON object a line, appended as it is measured. The last line of a cell counts. */
export class RowStore implements SensitivityStore {
  private constructor(
    private readonly folder: FileStore,
    private readonly kept: Map<string, SensitivityRow>,
    private readonly lock: Pick<FolderLock, "assertOwned"> | undefined,
  ) {}

  /**
   * Without a lock it is read alone, and nothing is mended.
   *
   * @throws {CommandError} if a line of the file is no row
   */
  static async open(path: string, lock?: Pick<FolderLock, "assertOwned">): Promise<RowStore> {
    const folder = await openFolder(path);
    const written = (await folder.exists(ROWS_FILE)) ? await folder.read(ROWS_FILE) : new Uint8Array();
    // A kill may cut the last line short, perhaps inside of a character: its cell is measured again.
    const whole = written.subarray(0, written.lastIndexOf(NEWLINE) + 1);
    const file = join(path, ROWS_FILE);
    const rows = decodeUtf8(whole, file)
      .split("\n")
      .flatMap((line, i) => (line === "" ? [] : [parseLine(line, file, i + 1)]));
    if (lock && whole.length < written.length) await folder.write(new Map([[ROWS_FILE, whole]]));
    return new RowStore(folder, new Map(rows.map((row) => [row.cell, row])), lock);
  }

  rows(): SensitivityRow[] {
    return [...this.kept.values()];
  }

  async add(row: SensitivityRow): Promise<void> {
    this.lock?.assertOwned();
    await this.folder.append(ROWS_FILE, new TextEncoder().encode(`${JSON.stringify(row)}\n`));
    this.kept.set(row.cell, row);
  }
}
