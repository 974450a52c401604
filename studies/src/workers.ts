import { fork, type ChildProcess } from "node:child_process";
import { openDevice, setDefaultDevice, setThreads } from "@tessera/tensor";
import type { Device, Job } from "./jobs.ts";
import { Lab } from "./lab.ts";
import type { Row } from "./measured.ts";
import { Rows } from "./rows.ts";
import { runJob } from "./run-job.ts";
import type { Scale } from "./scale.ts";

/** What a worker process is told at its start, as an argument. */
export interface WorkerStart {
  readonly folder: string;
  readonly rowsFile: string;
  readonly device: Device;
  readonly threads: number;
}

/** A process that does one job after another. */
export class Worker {
  private child: ChildProcess | null = null;

  constructor(
    readonly device: Device,
    private readonly start: WorkerStart & { readonly tiny: boolean },
  ) {}

  /** Resolves to the row of a job; what goes wrong is its error. */
  run(job: Job): Promise<Row> {
    const begun = performance.now();
    const child = (this.child ??= this.fork());
    return new Promise((done) => {
      const settle = (answer: Pick<Row, "error"> & Partial<Row>): void => {
        child.off("message", settle);
        child.off("exit", gone);
        // Whatever went wrong does not reach the next job.
        if (answer.error !== undefined) this.end();
        done({ job: job.name, device: this.device, seconds: (performance.now() - begun) / 1000, ...answer });
      };
      const gone = (code: number | null, signal: string | null): void => {
        this.child = null;
        settle({ error: `the process ended with ${signal ?? code}` });
      };
      child.on("message", settle);
      child.on("exit", gone);
      child.send(job.name);
    });
  }

  /** Asks the job in hand to stop; a pre-training saves where it is. */
  stop(): void {
    this.child?.kill("SIGTERM");
  }

  end(): void {
    if (this.child?.connected) this.child.disconnect();
    this.child = null;
  }

  private fork(): ChildProcess {
    const { tiny, ...start } = this.start;
    const args = ["all", "--serve", JSON.stringify(start), ...(tiny ? ["--tiny"] : [])];
    return fork(process.argv[1]!, args, { execArgv: process.execArgv });
  }
}

/** What a worker process does: the jobs that its parent names. */
export const serve = async (
  { folder, rowsFile, device, threads }: WorkerStart,
  scale: Scale,
  jobs: readonly Job[],
): Promise<void> => {
  const stop = new AbortController();
  process.on("SIGTERM", () => stop.abort());
  // The parent's terminal sends it to all; the parent decides.
  process.on("SIGINT", () => {});
  process.once("disconnect", () => process.exit(0));
  setThreads(threads);
  setDefaultDevice(await openDevice(device));
  let lab: Lab | undefined;
  process.on("message", (name: string) => {
    const work = async (): Promise<Partial<Row>> => {
      lab ??= await Lab.open(folder, scale, stop.signal);
      const job = jobs.find((each) => each.name === name)!;
      return runJob(lab, job, () => new Rows(rowsFile, false));
    };
    work().then(
      (row) => process.send!(row),
      (error: unknown) =>
        process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
};
