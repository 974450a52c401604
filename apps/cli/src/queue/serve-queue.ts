import { hostname } from "node:os";
import { join } from "node:path";
import type { Job, Worker } from "bullmq";
import type { SensitivityRow } from "@tessera/sparse";
import { packageInfo } from "../package-info.ts";
import type { SweepDescription } from "../sensitivity/sweep-options.ts";
import { CellProcess } from "../sensitivity/workers.ts";
import { CommandError } from "../terminal/command-error.ts";
import { keyOfFile, keysOf, readCellJob, readQueuedSweep, type CellJob } from "./queued-sweep.ts";
import { QUEUE_NAME, type RedisLink } from "./redis-link.ts";
import { roundingOf } from "./rounding.ts";
import { locateInput } from "./sweep-inputs.ts";

/** A worker that says nothing for so long has died: its cell is given to another. */
const LOCK_MILLISECONDS = 10_000;
/** Between looks for cells of workers that died. */
const STALLED_MILLISECONDS = 4000;
/** A cell at which workers die is given to so many others. */
const MAX_STALLED = 2;
/** An idle worker asks again after so long. */
const DRAIN_SECONDS = 2;
/** For the sweep to write again what Redis has lost. */
const WAIT_FOR_SWEEP_MILLISECONDS = 15_000;
/** Rows that nobody collects are removed. */
const KEEP_SECONDS = 7 * 24 * 3600;

export interface ServeOptions {
  /** Cells at once, each in a process of its own. */
  readonly workers: number;
  /** Threads of each. */
  readonly threads: number;
  /** Where models and texts are written that come through Redis. */
  readonly cache: string;
  /** Ends the worker after so many seconds without a cell. */
  readonly idle?: number;
  readonly stop: AbortSignal;
  /** Told of each measured cell. */
  readonly onRow: (row: SensitivityRow, seconds: number) => void;
}

/** Whether another worker has the cell by now, or nobody needs it any more. */
const isNotOurs = (error: unknown): boolean =>
  error instanceof Error && /Missing (lock|key) for job|Lock mismatch|not in the active state/i.test(error.message);

/** One process that measures cells, and the connection by which it is given them. */
class Lane {
  private readonly worker: Worker<CellJob>;
  private process: { sweep: string; measures: CellProcess } | null = null;
  private turn = 0;

  constructor(
    private readonly server: QueueServer,
    private readonly link: RedisLink,
    private readonly options: ServeOptions,
    private readonly stop: AbortSignal,
    name: string,
  ) {
    this.worker = new link.libraries.bullmq.Worker<CellJob>(QUEUE_NAME, null, {
      ...link.connection,
      name,
      autorun: false,
      lockDuration: LOCK_MILLISECONDS,
      stalledInterval: STALLED_MILLISECONDS,
      maxStalledCount: MAX_STALLED,
      drainDelay: DRAIN_SECONDS,
    });
    // The connection says so, too.
    this.worker.on("error", () => undefined);
  }

  async run(): Promise<void> {
    const { idle } = this.options;
    await this.worker.startStalledCheckTimer();
    let since = performance.now();
    while (!this.stop.aborted) {
      const token = `${this.worker.id}:${this.turn++}`;
      const job = await this.orStopped(this.link.run(() => this.worker.getNextJob(token, { block: true })));
      if (job) {
        await this.handle(job, token);
        since = performance.now();
      } else if (idle !== undefined && performance.now() - since > 1000 * idle) return;
    }
  }

  async close(): Promise<void> {
    this.process?.measures.kill();
    await this.worker.close(true);
  }

  /** Nothing of what a stopped worker waits for is needed. */
  private orStopped<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((done, failed) => {
      const stopped = (): void => done(undefined);
      this.stop.addEventListener("abort", stopped, { once: true });
      work.then(done, failed).finally(() => this.stop.removeEventListener("abort", stopped));
    });
  }

  private async handle(job: Job<CellJob>, token: string): Promise<void> {
    // What Redis has no room for, or is not there to hear, is tried again; another worker that took the cell gives the same row.
    const renew = setInterval(() => {
      job.extendLock(token, LOCK_MILLISECONDS).catch(() => undefined);
    }, LOCK_MILLISECONDS / 3);
    const kill = (): void => this.process?.measures.kill();
    this.stop.addEventListener("abort", kill, { once: true });
    try {
      await this.measure(job, token);
    } catch (error) {
      // The cell goes to another worker at once, and not when this one is found to be dead.
      await Promise.race([
        job.moveToWait(token).catch(() => undefined),
        new Promise((done) => setTimeout(done, 1000).unref()),
      ]);
      if (!this.stop.aborted) throw error;
    } finally {
      clearInterval(renew);
      this.stop.removeEventListener("abort", kill);
    }
  }

  private async measure(job: Job<CellJob>, token: string): Promise<void> {
    const { link } = this;
    const { sweep, cell } = readCellJob(job.data);
    const { rows } = keysOf(sweep);
    const isMeasured = (await link.run(() => link.client.hexists(rows, cell.cell))) === 1;
    // A sweep that has ended got the row of a worker that was taken for dead: nobody needs another.
    if (!isMeasured && !(await this.server.hasEnded(sweep))) {
      const measures = await this.processFor(sweep);
      const begun = performance.now();
      let row: SensitivityRow;
      try {
        row = await measures.run(cell);
      } catch (error) {
        this.stop.throwIfAborted();
        return await this.settle(() => job.moveToFailed(error as Error, token, false));
      }
      if (!(await this.server.hasEnded(sweep))) {
        await link.run(() => link.client.hset(rows, cell.cell, JSON.stringify(row)));
        await link.run(() => link.client.expire(rows, KEEP_SECONDS));
      }
      this.options.onRow(row, (performance.now() - begun) / 1000);
    }
    await this.settle(() => job.moveToCompleted(null, token, false));
  }

  private async settle(end: () => Promise<unknown>): Promise<void> {
    await this.link.run(() =>
      end().catch((error: unknown) => {
        if (!isNotOurs(error)) throw error;
      }),
    );
  }

  /** The process for a sweep. @throws {CommandError} if this machine cannot measure its cells */
  private async processFor(sweep: string): Promise<CellProcess> {
    if (this.process?.sweep === sweep) return this.process.measures;
    const description = await this.server.prepare(sweep);
    this.process?.measures.kill();
    const measures = new CellProcess(description, this.options.threads, this.stop);
    this.process = { sweep, measures };
    await measures.open();
    return measures;
  }
}

/** Measures cells that sweeps have put into a Redis, until it is stopped. */
export class QueueServer {
  private readonly prepared = new Map<string, Promise<SweepDescription>>();

  constructor(
    private readonly link: RedisLink,
    private readonly options: ServeOptions,
  ) {}

  /**
   * @throws {QueueError} if Redis was away or full for too long
   * @throws {CommandError} if this machine cannot measure the cells of a sweep; they stay in the queue for others
   */
  async run(): Promise<void> {
    const failed = new AbortController();
    const stop = AbortSignal.any([this.options.stop, failed.signal]);
    const name = `${hostname()}-${process.pid}`;
    const lanes = Array.from(
      { length: this.options.workers },
      (_, i) => new Lane(this, this.link, this.options, stop, `${name}-${i}`),
    );
    const ended = await Promise.allSettled(
      lanes.map((lane) =>
        lane.run().catch((error: unknown) => {
          failed.abort();
          throw error;
        }),
      ),
    );
    await Promise.all(lanes.map((lane) => lane.close()));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  }

  /** Whether a sweep has ended. One whose Redis has lost everything writes again within seconds. */
  async hasEnded(sweep: string): Promise<boolean> {
    const { client } = this.link;
    return (await this.waitFor(async () => (await client.exists(keysOf(sweep).sweep)) || null)) === null;
  }

  /** What a sweep is on this machine. */
  prepare(sweep: string): Promise<SweepDescription> {
    const known = this.prepared.get(sweep);
    if (known) return known;
    const prepared = this.read(sweep);
    this.prepared.set(sweep, prepared);
    // Looked for again with the next cell.
    prepared.catch(() => this.prepared.delete(sweep));
    return prepared;
  }

  private async read(id: string): Promise<SweepDescription> {
    const { client } = this.link;
    const written = await this.waitFor(() => client.get(keysOf(id).sweep));
    if (written === null) throw new CommandError("worker: expected the sweep of a cell in Redis, got nothing");
    const { version, rounding, sweep, inputs } = readQueuedSweep(written);
    if (version !== packageInfo.version)
      throw new CommandError(
        `worker: expected @tessera/cli ${version} of the sweep, got ${packageInfo.version}; npm install @tessera/cli@${version}`,
      );
    const own = await roundingOf(sweep.device);
    if (own !== rounding)
      throw new CommandError(
        `worker: expected ${rounding} as where the sweep was begun, got ${own}, which give other last digits; run it on such an engine (tessera info)`,
      );
    const shown: Record<string, string> = {};
    const paths: Record<string, string> = {};
    for (const input of inputs) {
      const path = await locateInput(input, join(this.options.cache, id, input.role), async (file) => {
        const found = await this.waitFor(() => client.getBuffer(keyOfFile(file.sha256)));
        if (found) return found;
        throw new CommandError(
          `worker: expected ${file.name} of ${input.path} in Redis, got nothing; is tessera sensitivity running? give its command again`,
        );
      });
      paths[input.role === "model" ? "folder" : input.role] = path;
      shown[path] = input.path;
    }
    return { ...sweep, ...paths, shown };
  }

  /** What a sweep has written into Redis, or writes again when Redis has lost it; null if it does not. */
  private async waitFor<T>(read: () => Promise<T | null>): Promise<T | null> {
    const begun = performance.now();
    for (;;) {
      const found = await this.link.run(read);
      if (found !== null || performance.now() - begun > WAIT_FOR_SWEEP_MILLISECONDS) return found;
      await new Promise((done) => setTimeout(done, 500));
    }
  }
}
