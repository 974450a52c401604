import { openFolder, type FileStore } from "@tessera/models";

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

const parseRow = (line: string): SensitivityRow[] => {
  try {
    return [JSON.parse(line) as SensitivityRow];
  } catch {
    // A line that was cut short by a kill: its cell is measured again.
    return [];
  }
};

const matchesConditions = (conditions: Conditions, row: SensitivityRow): boolean =>
  (Object.keys(conditions) as (keyof Conditions)[]).every((name) => row[name] === conditions[name]);

/** The measured rows of a sweep, kept in `rows.jsonl` of a folder: one JSON object a line, appended as it is measured. */
export class RowStore {
  private constructor(
    private readonly folder: FileStore,
    private readonly rows: SensitivityRow[],
  ) {}

  static async open(path: string): Promise<RowStore> {
    const folder = await openFolder(path);
    const text = (await folder.exists(FILE)) ? new TextDecoder().decode(await folder.read(FILE)) : "";
    const lines = text.split("\n").filter((line) => line !== "");
    const rows = lines.flatMap(parseRow);
    if (rows.length < lines.length || (text !== "" && !text.endsWith("\n"))) {
      const whole = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
      await folder.write(new Map([[FILE, new TextEncoder().encode(whole)]]));
    }
    return new RowStore(folder, rows);
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
    await this.folder.append(FILE, new TextEncoder().encode(`${JSON.stringify(row)}\n`));
    this.rows.push(row);
  }
}
