import { SingleBar } from "cli-progress";
import pc from "picocolors";

export interface TerminalOptions {
  /** One JSON document on standard output, and nothing else there. */
  json?: boolean;
  /** The result alone. */
  quiet?: boolean;
}

type Colors = ReturnType<typeof pc.createColors>;

/** Colour where a person looks: in a terminal, unless `NO_COLOR` says no (<https://no-color.org>). */
const wantsColor = (stream: NodeJS.WriteStream): boolean => {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== "0";
  return stream.isTTY === true && TERM !== "dumb";
};

/** The display of how far a piece of work is. */
export interface Progress {
  /** @param detail what else is worth knowing now, such as the loss */
  update(value: number, detail?: string): void;
  /** Removes the display. */
  stop(): void;
}

const silentProgress: Progress = { update: () => {}, stop: () => {} };

/** Progress lines in a log: one for each tenth. */
const MAX_LINES = 10;
/** Between two progress lines. */
const MIN_PAUSE_MILLISECONDS = 2000;
/** Width of a title, so that bars are aligned. */
const TITLE_COLUMNS = 22;

/**
 * Prints what a command reports. Narration and progress are for people: `--quiet` and `--json` leave them out. The result is
 * always printed.
 */
export class Terminal {
  readonly color: Colors;
  private readonly json: boolean;
  private readonly narrates: boolean;

  constructor(
    { json = false, quiet = false }: TerminalOptions = {},
    private readonly out: NodeJS.WriteStream = process.stdout,
    private readonly errors: NodeJS.WriteStream = process.stderr,
  ) {
    this.json = json;
    this.narrates = !json && !quiet;
    this.color = pc.createColors(wantsColor(out));
  }

  /** Prints a line of narration. */
  printLine(text = ""): void {
    if (this.narrates) this.out.write(`${text}\n`);
  }

  /** Says what goes wrong and is waited for: on standard error, whatever the output is for. */
  warn(text: string): void {
    this.errors.write(`tessera: ${text}\n`);
  }

  /** Prints the result of the command: `value` as JSON with `--json`, else `lines`. */
  printResult(value: object, lines: readonly string[]): void {
    this.out.write(this.json ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(""));
  }

  /** Shows a bar in a terminal, plain lines elsewhere, and nothing before the first update. */
  startProgress(title: string, total: number): Progress {
    if (!this.narrates) return silentProgress;
    return this.out.isTTY ? this.startBar(title, total) : this.startLines(title, total);
  }

  private startBar(title: string, total: number): Progress {
    const bar = new SingleBar({
      format: `  ${title.padEnd(TITLE_COLUMNS)} ${this.color.cyan("{bar}")} {percentage} %  {detail}`,
      barCompleteChar: "■",
      barIncompleteChar: "·",
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      stream: this.out,
      fps: 8,
    });
    let started = false;
    return {
      update: (value, detail = "") => {
        if (!started) bar.start(total, value, { detail });
        started = true;
        bar.update(value, { detail });
      },
      stop: () => {
        if (started) bar.stop();
      },
    };
  }

  private startLines(title: string, total: number): Progress {
    let shown = 0;
    let since = performance.now();
    return {
      update: (value, detail = "") => {
        const tenth = Math.floor((MAX_LINES * value) / total);
        // Work that is done quickly needs no lines.
        if (tenth <= shown || performance.now() - since < MIN_PAUSE_MILLISECONDS) return;
        shown = tenth;
        since = performance.now();
        const percent = `${Math.floor((100 * value) / total)} %`.padStart(5);
        this.printLine(`  ${title.padEnd(TITLE_COLUMNS)} ${percent}  ${detail}`.trimEnd());
      },
      stop: () => {},
    };
  }
}
