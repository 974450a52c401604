import type { Queue } from "bullmq";
import type { SensitivityCell, SensitivityPlan, SensitivityRow, SensitivityStore } from "@tessera/sparse";
import { packageInfo } from "../package-info.ts";
import { parseRow } from "../sensitivity/row-store.ts";
import type { SweepDescription } from "../sensitivity/sweep-options.ts";
import { CommandError } from "../terminal/command-error.ts";
import {
  keyOfFile,
  keysOf,
  nameJob,
  nameSweep,
  OTHER_PROGRAM,
  writeQueuedSweep,
  type CellJob,
  type QueuedSweep,
} from "./queued-sweep.ts";
import { QUEUE_NAME, type RedisLink } from "./redis-link.ts";
import { roundingOf } from "./rounding.ts";
import { gatherInputs, readInput, type SweepInput } from "./sweep-inputs.ts";

const POLL_MILLISECONDS = 250;
/** Between looks for cells that got lost or failed. */
const CHECK_MILLISECONDS = 3000;
/** What nobody collects is removed. */
const KEEP_SECONDS = 7 * 24 * 3600;
/** So many cells are in Redis at once. */
const MAX_QUEUED = 1000;
/** A cell at which workers fail is given to so many of them. */
const ATTEMPTS = 3;

interface Waiting {
  readonly cell: SensitivityCell;
  readonly resolve: (row: SensitivityRow) => void;
  readonly reject: (error: Error) => void;
}

/** How a sweep stands that others measure. */
export interface QueueState {
  readonly workers: number;
  /** Cells that are being measured, of all sweeps. */
  readonly active: number;
}

export interface CollectorOptions {
  /** What all rows have in common. */
  readonly common: SensitivityPlan["common"];
  /** Where rows are kept. */
  readonly store: SensitivityStore;
  readonly stop: AbortSignal;
  readonly onState?: (state: QueueState) => void;
}

/**
 * Hands cells of a sweep to the workers of a Redis, and collects their rows. A row lies in a hash, by its cell, until it is stored: so
 * each arrives once, however often workers, Redis or this process fail. Cells that Redis has lost are handed out again.
 */
export class CellCollector {
  private readonly waiting = new Map<string, Waiting>();
  /** Cells that are not in Redis yet. */
  private fresh: SensitivityCell[] = [];
  private readonly handedOut: SensitivityCell[] = [];
  private readonly stored = new Set<string>();
  private lastCheck: number | null = null;
  private ended: Error | null = null;
  private loop: Promise<void> | null = null;

  private constructor(
    private readonly link: RedisLink,
    private readonly queue: Queue<CellJob>,
    private readonly queued: QueuedSweep,
    private readonly sweep: string,
    private readonly options: CollectorOptions,
  ) {
    options.stop.addEventListener("abort", () => this.fail(new CommandError("sensitivity: stopped")), { once: true });
  }

  /** @throws {QueueError} if Redis has no room for the model and the texts */
  static async open(link: RedisLink, sweep: SweepDescription, options: CollectorOptions): Promise<CellCollector> {
    const inputs = await gatherInputs(sweep);
    const queued = { version: packageInfo.version, rounding: await roundingOf(sweep.device), sweep, inputs };
    const { Queue } = link.libraries.bullmq;
    const queue = new Queue<CellJob>(QUEUE_NAME, link.connection);
    // The connection says so, too.
    queue.on("error", () => undefined);
    const collector = new CellCollector(link, queue, queued, nameSweep(queued), options);
    try {
      await link.runAtOnce(() => collector.begin());
    } catch (error) {
      await queue.close();
      throw error;
    }
    return collector;
  }

  get inputs(): readonly SweepInput[] {
    return this.queued.inputs;
  }

  /** For `sensitivity`: each hands its cell to the workers and waits for the row. */
  get runners(): ((cell: SensitivityCell) => Promise<SensitivityRow>)[] {
    return Array.from({ length: MAX_QUEUED }, () => (cell: SensitivityCell) => this.measure(cell));
  }

  /** The store of the rows. Redis forgets a row once it is there. */
  get store(): SensitivityStore {
    const { store } = this.options;
    return {
      rows: () => store.rows(),
      add: async (row) => {
        await store.add(row);
        this.stored.add(row.cell);
      },
    };
  }

  /** Ends what waits, and takes back what no worker has begun. After a whole sweep nothing of it stays in Redis. */
  async end(isWhole: boolean): Promise<void> {
    this.fail(new CommandError("sensitivity: the sweep has ended"));
    await this.loop;
    // Redis may be gone: what is left there is found again by the same command, or removed after some days.
    if (!this.link.lost.aborted)
      await this.link.runAtOnce(() => (isWhole ? this.tidy() : this.withdraw())).catch(() => undefined);
    await this.queue.close();
  }

  private async begin(): Promise<void> {
    // A kill may have come between a row's store and its removal here.
    const known = (await this.options.store.rows()).map(({ cell }) => cell);
    if (known.length > 0) await this.link.client.hdel(keysOf(this.sweep).rows, ...known);
    await this.publish();
  }

  private measure(cell: SensitivityCell): Promise<SensitivityRow> {
    if (this.ended) return Promise.reject(this.ended);
    this.fresh.push(cell);
    this.handedOut.push(cell);
    return new Promise((resolve, reject) => {
      this.waiting.set(cell.cell, { cell, resolve, reject });
      this.loop ??= this.collect().catch((error: Error) => this.fail(error));
    });
  }

  /** Ends all that waits. */
  private fail(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }

  private async collect(): Promise<void> {
    const { link } = this;
    // All cells of the first round are here by the next turn.
    await Promise.resolve();
    while (!this.ended) {
      await link.run(() => this.receive());
      // A Redis without room for the first cells ends the sweep before anyone has waited for it.
      await (this.lastCheck === null ? link.runAtOnce(() => this.handOut()) : link.run(() => this.handOut()));
      if (this.lastCheck === null || performance.now() - this.lastCheck > CHECK_MILLISECONDS) {
        await link.run(() => this.check());
        this.lastCheck = performance.now();
      }
      await new Promise((done) => setTimeout(done, POLL_MILLISECONDS));
    }
  }

  /** Takes the rows that have arrived. They stay in Redis until they are stored. */
  private async receive(): Promise<void> {
    const { rows } = keysOf(this.sweep);
    const stored: string[] = [];
    for (const [name, written] of Object.entries(await this.link.client.hgetall(rows))) {
      const waiting = this.waiting.get(name);
      if (waiting) this.deliver(waiting, parseRow(written, `the row of ${name} in Redis`, OTHER_PROGRAM));
      else if (this.stored.has(name)) stored.push(name);
    }
    if (stored.length > 0) await this.link.client.hdel(rows, ...stored);
  }

  private deliver({ cell, resolve }: Waiting, row: SensitivityRow): void {
    if (row.cell !== cell.cell || row.checkpointHash !== this.options.common.checkpointHash)
      throw new CommandError(
        `sensitivity: expected the row of ${cell.cell} in Redis, got that of ${row.cell}; ${OTHER_PROGRAM}`,
      );
    this.waiting.delete(cell.cell);
    resolve(row);
    // The sweep ends with it: nobody needs the others.
    if (row.mode === "dense" && row.error !== undefined) this.fail(new CommandError("sensitivity: no dense model"));
  }

  private async handOut(): Promise<void> {
    const cells = this.fresh.filter(({ cell }) => this.waiting.has(cell));
    if (cells.length > 0) await this.add(cells);
    this.fresh = [];
  }

  private async add(cells: readonly SensitivityCell[]): Promise<void> {
    await this.queue.addBulk(
      cells.map((cell) => ({
        name: "cell",
        data: { sweep: this.sweep, cell },
        opts: {
          jobId: nameJob(this.sweep, cell),
          attempts: ATTEMPTS,
          backoff: { type: "fixed", delay: 1000 },
          // Its row is all that is needed of it.
          removeOnComplete: true,
          removeOnFail: { age: KEEP_SECONDS },
        },
      })),
    );
  }

  /** Looks for cells that got lost, as by a Redis that keeps nothing on its disk, and for those at which workers fail. */
  private async check(): Promise<void> {
    await this.publish();
    const waiting = [...this.waiting.values()];
    for (const job of await this.queue.getFailed()) {
      const entry = waiting.find(({ cell }) => nameJob(this.sweep, cell) === job.id);
      if (!entry) continue;
      const error = /stalled/.test(job.failedReason)
        ? "worker: expected to measure it, its workers died at it or lost Redis; see their machines' memory"
        : job.failedReason;
      this.deliver(entry, { ...entry.cell, ...this.options.common, error });
      await job.remove();
    }
    const left = waiting.flatMap(({ cell }) => (this.waiting.has(cell.cell) ? [cell] : []));
    const known = await Promise.all(
      left.map((cell) => this.link.client.exists(this.queue.toKey(nameJob(this.sweep, cell)))),
    );
    // The row of a measured cell is there before its job goes: it is looked for afterwards.
    await this.receive();
    const lost = left.filter((cell, i) => known[i] === 0 && this.waiting.has(cell.cell));
    if (lost.length > 0) await this.add(lost);
    const { onState } = this.options;
    if (!onState) return;
    onState({ active: await this.queue.getActiveCount(), workers: await this.queue.getWorkersCount() });
  }

  /** Writes what workers need, and keeps it from being removed. */
  private async publish(): Promise<void> {
    const { client } = this.link;
    const keys = keysOf(this.sweep);
    await client.set(keys.sweep, writeQueuedSweep(this.queued), "EX", KEEP_SECONDS);
    await client.expire(keys.rows, KEEP_SECONDS);
    for (const input of this.queued.inputs)
      for (const file of input.sent ? input.files : []) {
        const key = keyOfFile(file.sha256);
        if ((await client.expire(key, KEEP_SECONDS)) === 0)
          await client.set(key, await readInput(input, file), "EX", KEEP_SECONDS);
      }
  }

  /** Takes back what no worker has begun. Rows that have arrived stay for the next time. */
  private async withdraw(): Promise<void> {
    for (const cell of this.handedOut) await this.queue.remove(nameJob(this.sweep, cell));
  }

  /** Removes all that is left of the sweep. */
  private async tidy(): Promise<void> {
    const keys = keysOf(this.sweep);
    const files = this.queued.inputs.flatMap((input) => input.files.map(({ sha256 }) => keyOfFile(sha256)));
    await this.withdraw();
    await this.link.client.del(keys.sweep, keys.rows, ...files);
  }
}
