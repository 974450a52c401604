import { FormatError } from "@tessera/tensor";
import { decodeUtf8, excerpt } from "@tessera/tensor/files";
import type { FileStore } from "../hub/file-store.ts";

/** A line of the log: what happened at a step. */
export interface LogEntry {
  readonly event: string;
  readonly step: number;
  readonly [key: string]: unknown;
}

const encoder = new TextEncoder();
const NEWLINE = 10;

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

  /**
   * The entries so far. A last line that is cut short, because its process was killed, is left out.
   *
   * @throws TextEncodingError where the file is no UTF-8, FormatError where another line is no entry; both name the line
   */
  async entries(): Promise<LogEntry[]> {
    if (!(await this.folder.exists(this.file))) return [];
    const bytes = await this.folder.read(this.file);
    const name = `${this.folder.name}/${this.file}`;
    // Every line is written with its end: what comes behind the last end is cut short, perhaps inside of a character.
    const lines = decodeUtf8(bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1), name).split("\n");
    return lines.flatMap((line, i) => (line === "" ? [] : [parse(line, `${name}, line ${i + 1}`)]));
  }

  /** Leaves out what happened after a step. */
  async truncate(step: number): Promise<void> {
    const kept = (await this.entries()).filter((entry) => entry.step <= step);
    const text = kept.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    await this.folder.write(new Map([[this.file, encoder.encode(text)]]));
  }
}

const parse = (line: string, place: string): LogEntry => {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    entry = null;
  }
  if (typeof entry === "object" && entry !== null && "step" in entry && typeof entry.step === "number")
    return entry as LogEntry;
  throw new FormatError(
    `${place}: expected an event of a training with its step, got ${excerpt(line)}; remove the line, it is only shown`,
  );
};
