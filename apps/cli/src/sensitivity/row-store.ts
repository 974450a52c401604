import { join } from "node:path";
import { openFolder, type FileStore } from "@tessera/models";
import { decodeUtf8 } from "@tessera/tensor/files";
import * as v from "valibot";
import type { FolderLock } from "../run-folder/folder-lock.ts";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";

/** The conditions of a measurement. Equal conditions, layer and density give equal rows. */
export interface Conditions {
  /** Hash of the model's weights. */
  model: string;
  /** The evaluation data, in words. */
  data: string;
  blockSize: number;
  criterion: string;
  recoverySteps: number;
  seed: number;
  device: string;
}

/** The measurement of the model with one layer sparse. An empty layer and density 1 stand for the unchanged model. */
export interface SensitivityRow extends Conditions {
  layer: string;
  density: number;
  /** The share of blocks that was kept. */
  realised: number;
  loss: number;
  /** Absent where the model is no classifier. */
  accuracy?: number;
}

const FILE = "rows.jsonl";
const NEWLINE = 10;

const { count, number, object, text } = shapes;

const share = v.pipe(number, v.minValue(0, "a number from 0 to 1"), v.maxValue(1, "a number from 0 to 1"));

const rowSchema = object({
  layer: text,
  density: share,
  realised: share,
  loss: number,
  accuracy: v.optional(share),
  model: text,
  data: text,
  blockSize: count,
  criterion: text,
  recoverySteps: count,
  seed: count,
  device: text,
});

const parseRow = (line: string, place: string): SensitivityRow => {
  const advice = "remove the line, and its cell is measured again";
  const { accuracy, ...row } = readCheckedJson(rowSchema, line, { place, what: "a measured row", advice });
  return { ...row, ...(accuracy === undefined ? {} : { accuracy }) };
};

const matchesConditions = (conditions: Conditions, row: SensitivityRow): boolean =>
  (Object.keys(conditions) as (keyof Conditions)[]).every((name) => row[name] === conditions[name]);

/** The measured rows of a sweep, kept in `rows.jsonl` of a folder: one JSON object a line, appended as it is measured. */
export class RowStore {
  private constructor(
    private readonly folder: FileStore,
    private readonly rows: SensitivityRow[],
    private readonly lock: Pick<FolderLock, "assertOwned"> | undefined,
  ) {}

  /** @throws {CommandError} if a line of the file is no row */
  static async open(path: string, lock?: Pick<FolderLock, "assertOwned">): Promise<RowStore> {
    const folder = await openFolder(path);
    const written = (await folder.exists(FILE)) ? await folder.read(FILE) : new Uint8Array();
    // A kill may cut the last line short, perhaps inside of a character: its cell is measured again.
    const whole = written.subarray(0, written.lastIndexOf(NEWLINE) + 1);
    const rows = decodeUtf8(whole, join(path, FILE))
      .split("\n")
      .flatMap((line, i) => (line === "" ? [] : [parseRow(line, `${join(path, FILE)}, line ${i + 1}`)]));
    if (whole.length < written.length) await folder.write(new Map([[FILE, whole]]));
    return new RowStore(folder, rows, lock);
  }

  /** The row of a layer and density under some conditions, if it was measured. */
  find(conditions: Conditions, layer: string, density: number): SensitivityRow | undefined {
    return this.rows.find(
      (row) => row.layer === layer && row.density === density && matchesConditions(conditions, row),
    );
  }

  /** A row of the same layer and the same blocks, measured for another requested density. */
  findSameLayout(conditions: Conditions, layer: string, realised: number): SensitivityRow | undefined {
    return this.rows.find(
      (row) => row.layer === layer && row.realised === realised && matchesConditions(conditions, row),
    );
  }

  async add(row: SensitivityRow): Promise<void> {
    this.lock?.assertOwned();
    await this.folder.append(FILE, new TextEncoder().encode(`${JSON.stringify(row)}\n`));
    this.rows.push(row);
  }
}
