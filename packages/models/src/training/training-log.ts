import type { FileStore } from "../hub/file-store.ts";

/** A line of the log: what happened at a step. */
export interface LogEntry {
  readonly event: string;
  readonly step: number;
  readonly [key: string]: unknown;
}

const encoder = new TextEncoder();

/** Lines of JSON, one for each event. It only grows, but for the lines that come after the checkpoint a training resumes from. */
export class TrainingLog {
  private readonly folder: FileStore;
  private readonly file: string;

  constructor(folder: FileStore, file = "log.jsonl") {
    this.folder = folder;
    this.file = file;
  }

  async append(entry: LogEntry): Promise<void> {
    await this.folder.append(this.file, encoder.encode(`${JSON.stringify(entry)}\n`));
  }

  /** The entries so far. A last line that is cut short, because its process was killed, is left out. */
  async entries(): Promise<LogEntry[]> {
    if (!(await this.folder.exists(this.file))) return [];
    const lines = new TextDecoder().decode(await this.folder.read(this.file)).split("\n");
    return lines.flatMap((line) => {
      const entry = parse(line);
      return entry ? [entry] : [];
    });
  }

  /** Leaves out what happened after a step. */
  async truncate(step: number): Promise<void> {
    const kept = (await this.entries()).filter((entry) => entry.step <= step);
    const text = kept.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    await this.folder.write(new Map([[this.file, encoder.encode(text)]]));
  }
}

const parse = (line: string): LogEntry | null => {
  try {
    const entry = JSON.parse(line) as LogEntry | null;
    return typeof entry === "object" && entry !== null && typeof entry.step === "number" ? entry : null;
  } catch {
    return null;
  }
};
