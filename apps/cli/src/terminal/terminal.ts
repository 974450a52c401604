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

/** How far a piece of work is. */
export interface Progress {
  /** @param detail what else is worth knowing now, such as the loss */
  update(value: number, detail?: string): void;
  /** Ends it with a line that stays. */
  stop(): void;
}

const silent: Progress = { update: () => {}, stop: () => {} };

/** A line for each tenth is enough for a log. */
const LINES = 10;
/** Milliseconds between two lines, at least. */
const PAUSE = 2000;
/** Columns of a title, so that bars stand below each other. */
const TITLE = 22;

/**
 * What a command says. Narration and progress are for people: `--quiet` and `--json` leave them out. The result is for
 * whoever called, and comes in any case.
 */
export class Terminal {
  readonly color: Colors;
  private readonly json: boolean;
  private readonly narrates: boolean;

  constructor(
    { json = false, quiet = false }: TerminalOptions = {},
    private readonly out: NodeJS.WriteStream = process.stdout,
  ) {
    this.json = json;
    this.narrates = !json && !quiet;
    this.color = pc.createColors(wantsColor(out));
  }

  /** A line of narration. */
  line(text = ""): void {
    if (this.narrates) this.out.write(`${text}\n`);
  }

  /** The title of a part of the work. */
  heading(text: string): void {
    this.line(`\n${this.color.bold(text)}`);
  }

  /** What the command was called for: `value` with `--json`, else `lines`. */
  result(value: object, lines: readonly string[]): void {
    this.out.write(this.json ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(""));
  }

  /** A bar in a terminal, plain lines elsewhere. Nothing is shown before the first update. */
  progress(title: string, total: number): Progress {
    if (!this.narrates) return silent;
    return this.out.isTTY ? this.bar(title, total) : this.lines(title, total);
  }

  private bar(title: string, total: number): Progress {
    const bar = new SingleBar({
      format: `  ${title.padEnd(TITLE)} ${this.color.cyan("{bar}")} {percentage} %  {detail}`,
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

  private lines(title: string, total: number): Progress {
    let shown = 0;
    let since = performance.now();
    return {
      update: (value, detail = "") => {
        const tenth = Math.floor((LINES * value) / total);
        // What is quickly done needs no lines at all.
        if (tenth <= shown || performance.now() - since < PAUSE) return;
        shown = tenth;
        since = performance.now();
        const percent = `${Math.floor((100 * value) / total)} %`.padStart(5);
        this.line(`  ${title.padEnd(TITLE)} ${percent}  ${detail}`.trimEnd());
      },
      stop: () => {},
    };
  }
}
