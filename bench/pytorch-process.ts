import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

export interface PytorchProcessOptions {
  /** The Python that has PyTorch. */
  readonly python: string;
  readonly script: string;
  /** Variables beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** After so many seconds it is ended. */
  readonly seconds: number;
}

/** A companion script in Python, which prints a JSON object a line. What else it prints is passed over. */
export class PytorchProcess {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly ended: Promise<string>;
  private errors = "";

  constructor({ python, script, env = {}, seconds }: PytorchProcessOptions) {
    this.child = spawn(python, ["-u", script], { stdio: "pipe", env: { ...process.env, ...env } });
    this.child.stderr.on("data", (chunk: Buffer) => (this.errors = (this.errors + chunk.toString()).slice(-2000)));
    // It may be gone before it has read everything.
    this.child.stdin.on("error", () => {});
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 1000 * seconds);
    this.ended = new Promise((done) => {
      this.child.on("error", (error) => done(error.message));
      this.child.on("close", (code, signal) =>
        done(code === 0 ? "" : signal ? `stopped after ${seconds} s` : `exit ${code}: ${lastLine(this.errors)}`),
      );
    });
    void this.ended.then(() => clearTimeout(timer));
  }

  /** Writes a line to its standard input. */
  send(message: object): void {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** No more is coming. */
  endInput(): void {
    this.child.stdin.end();
  }

  /** What it says, until it has nothing more to say. */
  async *lines(): AsyncGenerator<object, void> {
    for await (const text of createInterface({ input: this.child.stdout }))
      if (text.startsWith("{")) yield JSON.parse(text) as object;
  }

  /** Why it failed, when it has ended; "" where it did not. */
  problem(): Promise<string> {
    return this.ended;
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
