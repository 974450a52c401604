import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { SensitivityRunner, type SensitivityCell, type SensitivityRow } from "@tessera/sparse";
import { CommandError } from "../terminal/command-error.ts";
import { createSweepOptions, type SweepDescription } from "./sweep-options.ts";

/** What the parent says to a worker: first the sweep, then a cell at a time. */
type Order = { readonly sweep: SweepDescription } | { readonly cell: SensitivityCell };
/** What a worker says: that it is ready, a row, or why it cannot work. */
type Answer = { readonly ready: true } | { readonly row: SensitivityRow } | { readonly fatal: string };

/** A cell whose worker died is given to a new one so often. */
const MAX_DEATHS = 2;

/** Threads of each of some workers, so that all together leave the machine usable. */
export const threadsOfWorkers = (workers: number): number => Math.max(1, Math.floor(availableParallelism() / workers));

/** A process that measures the cells of a sweep. If it dies at one, another process takes its place. */
export class CellProcess {
  private child: ChildProcess | null = null;

  constructor(
    private readonly sweep: SweepDescription,
    private readonly threads: number,
    private readonly stop: AbortSignal,
  ) {}

  /** Measures a cell in the process, and in a new one if that dies. @throws {CommandError} if they die at it, or cannot start */
  async run(cell: SensitivityCell): Promise<SensitivityRow> {
    let end = "";
    for (let deaths = 0; deaths < MAX_DEATHS; deaths++) {
      this.stop.throwIfAborted();
      await this.open();
      const answer = await this.ask(this.child!, { cell });
      if ("row" in answer) return answer.row;
      this.kill();
      this.stop.throwIfAborted();
      if ("fatal" in answer) end = answer.fatal;
    }
    throw new CommandError(
      `sensitivity: expected a worker that measures ${cell.cell}, ${MAX_DEATHS} died at it: ${end}; use fewer --workers if memory was short`,
    );
  }

  /** Lets the process go, which has no cell. */
  end(): void {
    this.child?.disconnect();
    this.child = null;
  }

  /** Ends the process at once, whatever it does. */
  kill(): void {
    this.child?.kill("SIGKILL");
    this.child = null;
  }

  /** Starts the process, unless it runs. @throws {CommandError} if it cannot load the sweep */
  async open(): Promise<void> {
    if (this.child) return;
    this.stop.throwIfAborted();
    const { folder, device, seed } = this.sweep;
    const args = ["sensitivity", folder, "--serve", "--quiet", "--device", device, "--seed", String(seed)];
    this.child = fork(process.argv[1]!, [...args, "--threads", String(this.threads)], {
      execArgv: process.execArgv,
      serialization: "advanced",
      // Its errors are answers. What it prints besides is for nobody.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const answer = await this.ask(this.child, { sweep: this.sweep });
    if ("ready" in answer) return;
    this.kill();
    this.stop.throwIfAborted();
    throw new CommandError(
      `sensitivity: expected a worker to start; ${"fatal" in answer ? answer.fatal : "it did not"}`,
    );
  }

  /** Sends an order and waits for the answer, or for the worker's end. */
  private ask(child: ChildProcess, order: Order): Promise<Answer> {
    return new Promise((done) => {
      const settle = (answer: Answer): void => {
        child.off("message", settle);
        child.off("exit", gone);
        done(answer);
      };
      const gone = (code: number | null, signal: string | null): void =>
        settle({ fatal: `it ended with ${signal ?? code}` });
      child.on("message", settle);
      child.on("exit", gone);
      // One that is gone already says so by its end.
      child.send(order, () => undefined);
      if (child.exitCode !== null || child.signalCode !== null) gone(child.exitCode, child.signalCode);
    });
  }
}

/** Starts workers as processes of this machine. They end with this one, however that ends. */
export const startWorkers = (
  count: number,
  sweep: SweepDescription,
  { threads, stop }: { threads: number; stop: AbortSignal },
): { runners: ((cell: SensitivityCell) => Promise<SensitivityRow>)[]; end: () => Promise<void> } => {
  const workers = Array.from({ length: count }, () => new CellProcess(sweep, threads, stop));
  return {
    runners: workers.map((worker) => (cell) => worker.run(cell)),
    end: () => {
      for (const worker of workers) worker.end();
      return Promise.resolve();
    },
  };
};

/** What a worker process does: it measures what its parent asks for until that is gone. */
export const serveCells = (stop: AbortSignal): Promise<void> =>
  new Promise((done, failed) => {
    if (!process.send) {
      failed(new CommandError("sensitivity: expected --serve from a sweep with --workers alone; leave it out"));
      return;
    }
    let runner: SensitivityRunner<never, never> | null = null;
    const answer = (message: Answer): void => {
      // The parent may be gone: then nobody asks any more.
      if (process.connected) process.send!(message, undefined, undefined, () => undefined);
    };
    const work = async (order: Order): Promise<void> => {
      if ("sweep" in order) {
        runner = (await SensitivityRunner.create(await createSweepOptions(order.sweep, stop))) as never;
        answer({ ready: true });
      } else answer({ row: await runner!.run(order.cell) });
    };
    process.on("message", (order: Order) => {
      work(order).catch((error: unknown) => {
        if (stop.aborted) done();
        else answer({ fatal: error instanceof Error ? error.message : String(error) });
      });
    });
    // A cell takes long: without the parent there is no use in its end.
    process.once("disconnect", () => process.exit(0));
    stop.addEventListener("abort", () => done(), { once: true });
  });
