import { openFolder, type FileStore } from "@tessera/models";

/** What a cell was measured under: equal conditions and places make equal rows. */
export interface Conditions {
  /** Hash of the model's weights. */
  model: string;
  /** What it was evaluated on, in words. */
  data: string;
  blockSize: number;
  criterion: string;
  recoverySteps: number;
  seed: number;
  device: string;
}

/** The model with one layer sparse; or, with an empty layer and density 1, as it is. */
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

const parse = (line: string): SensitivityRow[] => {
  try {
    return [JSON.parse(line) as SensitivityRow];
  } catch {
    // The process died while it wrote this line: the cell is measured again.
    return [];
  }
};

const isUnder = (conditions: Conditions, row: SensitivityRow): boolean =>
  (Object.keys(conditions) as (keyof Conditions)[]).every((name) => row[name] === conditions[name]);

/** Rows that were measured, in `rows.jsonl` of a folder: one JSON object a line, added as they come. */
export class RowStore {
  private constructor(
    private readonly folder: FileStore,
    private readonly rows: SensitivityRow[],
  ) {}

  static async open(path: string): Promise<RowStore> {
    const folder = await openFolder(path);
    const text = (await folder.exists(FILE)) ? new TextDecoder().decode(await folder.read(FILE)) : "";
    const lines = text.split("\n").filter((line) => line !== "");
    const rows = lines.flatMap(parse);
    if (rows.length < lines.length || (text !== "" && !text.endsWith("\n"))) {
      const whole = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
      await folder.write(new Map([[FILE, new TextEncoder().encode(whole)]]));
    }
    return new RowStore(folder, rows);
  }

  /** The row of a place under some conditions, if it was measured. */
  find(conditions: Conditions, layer: string, density: number): SensitivityRow | undefined {
    return this.rows.find((row) => row.layer === layer && row.density === density && isUnder(conditions, row));
  }

  /** A row of the same layer and the same blocks under another density that was asked for. */
  findEqual(conditions: Conditions, layer: string, realised: number): SensitivityRow | undefined {
    return this.rows.find((row) => row.layer === layer && row.realised === realised && isUnder(conditions, row));
  }

  async add(row: SensitivityRow): Promise<void> {
    await this.folder.append(FILE, new TextEncoder().encode(`${JSON.stringify(row)}\n`));
    this.rows.push(row);
  }
}
