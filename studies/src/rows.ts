import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Row } from "./measured.ts";

/** Rows as a file of JSON lines. The last line of a job counts; one that a kill cut short is dropped. */
export class Rows {
  private readonly kept = new Map<string, Row>();

  /** @param owner whether this process writes; one that reads leaves a line that is being written alone */
  constructor(
    private readonly file: string,
    owner = true,
  ) {
    mkdirSync(dirname(file), { recursive: true });
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (owner && whole.length < text.length) writeFileSync(file, whole);
    for (const line of whole.split("\n")) {
      if (line === "") continue;
      const row = JSON.parse(line) as Row;
      this.kept.set(row.job, row);
    }
  }

  /** Those without an error. */
  get(job: string): Row | undefined {
    const row = this.kept.get(job);
    return row?.error === undefined ? row : undefined;
  }

  failed(): Row[] {
    return [...this.kept.values()].filter(({ error }) => error !== undefined);
  }

  all(): Row[] {
    return [...this.kept.values()];
  }

  /** In this process alone: the file keeps the row until there is another. */
  forget(job: string): void {
    this.kept.delete(job);
  }

  add(row: Row): void {
    appendFileSync(this.file, `${JSON.stringify(row)}\n`);
    this.kept.set(row.job, row);
  }
}
