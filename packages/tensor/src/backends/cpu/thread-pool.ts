import { ArgumentError, DeviceError } from "../../error.ts";
import {
  ARGUMENTS,
  EXPORTS,
  MODULES,
  startThread,
  WORD,
  type Kernel,
  type PoolExports,
  type WorkerStart,
} from "./pool-thread.ts";

/**
 * Looks before a thread sleeps: about 100 µs, what waking it costs, and longer than the gap between two ops of a training step. A look
 * is a load and a comparison: three a nanosecond on a Zen 4 core.
 */
const SPINS = 300_000;
/** The same, 7 µs, for a thread that did a whole job while the caller waited: it is likely to be on the caller's core, and in its way. */
const FEW_SPINS = 20_000;
/** A task takes milliseconds. A thread that finishes none for this long, and for SHARES times the caller's own work, counts as gone. */
const PATIENCE_MS = 10_000;
const SHARES = 20;
/** How long the caller sleeps before it looks again. */
const SLICE_MS = 100;
const SLICE_NS = BigInt(SLICE_MS * 1e6);
/** The bits of `pool_wait` that count finished tasks; the one above says that a task trapped. */
const COUNT = 0x7fffffff;
export const MAX_THREADS = 256;

/** Whether memory can be shared with other threads; a page must be cross-origin isolated for that. */
const sharesMemory = (): boolean => {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer !== "undefined" && crossOriginIsolated !== false;
};

/** How many threads the machine runs at once, of those that a pool may have; 1 where memory cannot be shared. */
const machineThreads = (): number => {
  if (!sharesMemory()) return 1;
  const node = (globalThis as { process?: NodeJS.Process }).process;
  const count = node?.versions?.node
    ? node.getBuiltinModule("node:os").availableParallelism()
    : ((globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1);
  return Math.min(count, MAX_THREADS);
};

/** Whether this thread may sleep: everywhere but on a browser's main thread, which spins for the tail of a job. */
const maySleep = (): boolean => typeof (globalThis as { document?: unknown }).document === "undefined";

/**
 * Threads over the one linear memory. They take tasks of the job under way from a shared counter, and so does the caller; what a
 * task does follows from shapes alone, so results do not depend on how many threads there are. Threads start in the
 * background and join when they are ready; until then, and where they cannot start at all, the caller works alone. A thread
 * that ends between two jobs is replaced; one that ends in the middle of a job takes its task with it, which is an error.
 */
export class ThreadPool {
  private readonly memory: WebAssembly.Memory;
  private readonly word: Int32Array;
  private readonly values: Float64Array;
  private readonly patience: number;
  private readonly modules: WebAssembly.Module[] = [];
  private started = 0;
  private pool: PoolExports | null = null;
  private wanted: number;
  private job = 0;

  /** @param patience milliseconds of waiting without a finished task after which a thread counts as gone */
  constructor(memory: WebAssembly.Memory, wanted = machineThreads(), patience = PATIENCE_MS) {
    this.memory = memory;
    this.patience = patience;
    this.word = new Int32Array(memory.buffer, 0, 16384);
    this.values = new Float64Array(memory.buffer, ARGUMENTS.start, ARGUMENTS.max);
    this.wanted = wanted;
  }

  /** Threads asked for, the caller's included. */
  get size(): number {
    return this.wanted;
  }

  /** Threads at work now, the caller's included. */
  get joined(): number {
    return 1 + Atomics.load(this.word, WORD.joined);
  }

  /**
   * @throws ArgumentError unless `count` is a whole number from 1 to 256.
   * @throws DeviceError for more than one where memory cannot be shared.
   */
  resize(count: number): void {
    if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS)
      throw new ArgumentError(`setThreads: a whole number from 1 to ${MAX_THREADS} expected, got ${count}`);
    if (count > 1 && !sharesMemory())
      throw new DeviceError(
        "setThreads: more than one thread needs memory that can be shared, which is not allowed here; serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp",
      );
    if (count === this.wanted) return;
    this.close();
    this.wanted = count;
  }

  /** Makes a module's kernels known. `place` puts its bytes into linear memory and gives their address. */
  add(
    module: WebAssembly.Module,
    exports: WebAssembly.Exports,
    bytes: Uint8Array,
    place: (bytes: Uint8Array) => number,
  ): number {
    const index = this.modules.length;
    if (index >= MODULES.max)
      throw new DeviceError(`cpu: more than ${MODULES.max} modules of kernels; join some of them`);
    this.pool ??= exports as unknown as PoolExports;
    const at = MODULES.start / 4 + 2 * index;
    this.word[at] = place(bytes);
    this.word[at + 1] = bytes.byteLength;
    this.modules.push(module);
    Atomics.store(this.word, WORD.modules, this.modules.length);
    return index * EXPORTS;
  }

  /**
   * Runs `kernel` once for each task; `id` is its number for the other threads.
   *
   * @throws DeviceError when a thread ended in the middle of it; what the kernel threw, after all tasks have ended.
   */
  run(kernel: Kernel, id: number, args: readonly number[], tasks: number): void {
    const { pool } = this;
    if (tasks < 2 || this.wanted < 2 || !pool || args.length > ARGUMENTS.max) {
      for (let task = 0; task < tasks; task++) kernel(task, ...args);
      return;
    }
    this.open();
    if (this.joined < 2) {
      for (let task = 0; task < tasks; task++) kernel(task, ...args);
      return;
    }
    this.values.set(args);
    this.word[WORD.kernel] = id;
    this.word[WORD.arguments] = args.length;
    const job = this.nextJob();
    const began = performance.now();
    pool.pool_start(job, tasks);
    let trap: unknown = null;
    for (let task = pool.pool_claim(job); task >= 0; task = pool.pool_claim(job)) {
      try {
        kernel(task, ...args);
      } catch (error) {
        // Other threads still work on this job: finish it before throwing.
        trap = error;
      }
      pool.pool_finish(job, 0);
    }
    this.finish(pool, tasks, began);
    if (trap) throw trap as Error;
  }

  /** Stops the threads; the next job with several tasks starts new ones. */
  close(): void {
    if (this.started === 0) return;
    this.started = 0;
    Atomics.add(this.word, WORD.epoch, 1);
    Atomics.store(this.word, WORD.joined, 0);
    // A job without tasks: threads wake, see the new epoch and end.
    this.pool?.pool_start(this.nextJob(), 0);
  }

  private nextJob(): number {
    return (this.job = (this.job % 0x7fffffff) + 1);
  }

  private open(): void {
    if (this.started > 0) return;
    const start: WorkerStart = {
      memory: this.memory,
      modules: [...this.modules],
      words: WORD,
      args: ARGUMENTS,
      table: MODULES,
      exportsPerModule: EXPORTS,
      spins: SPINS,
      fewSpins: FEW_SPINS,
      epoch: Atomics.load(this.word, WORD.epoch),
    };
    while (this.started < this.wanted - 1) {
      this.started++;
      startThread(start, () => this.lose(start.epoch));
    }
  }

  /** Handles the end of a thread. If it had joined, all threads stop and the next job starts new ones; one that never joined is not retried. */
  private lose(epoch: number): void {
    const isOurs = epoch === Atomics.load(this.word, WORD.epoch);
    if (isOurs && this.joined > this.started) this.close();
  }

  private finish(pool: PoolExports, tasks: number, began: number): void {
    const word = this.wait(pool, tasks, began);
    const done = word & COUNT;
    if (done < tasks) {
      this.close();
      throw new DeviceError(
        `cpu: a thread stopped in the middle of a job (${done} of ${tasks} tasks are done); results of this op are lost, the next one starts new threads`,
      );
    }
    if (word < 0) throw new Error("on another thread");
  }

  /** Until all tasks are done, or none was for too long. Returns what `pool_wait` says of them. */
  private wait(pool: PoolExports, tasks: number, began: number): number {
    const slice = maySleep() ? SLICE_NS : 0n;
    let word = pool.pool_wait(SPINS, slice);
    if ((word & COUNT) === tasks) return word;
    let last = performance.now();
    // If the caller's own tasks took long, so may those of other threads.
    const patience = Math.max(this.patience, SHARES * (last - began));
    for (let waited = 0; waited <= patience;) {
      const before = word & COUNT;
      word = pool.pool_wait(SPINS, slice);
      if ((word & COUNT) === tasks) return word;
      const now = performance.now();
      // Counts at most one slice per look: a stopped process or a sleeping machine has not waited.
      waited = (word & COUNT) > before ? 0 : waited + Math.min(now - last, SLICE_MS);
      last = now;
    }
    return word;
  }
}
