import { ArgumentError, DeviceError } from "../../error.ts";

/** Words of the pool in low memory, as int32 indices; pool.as.ts has the atomic ones. */
const WORD = {
  kernel: 148 / 4,
  arguments: 152 / 4,
  trapped: 156 / 4,
  joined: 160 / 4,
  epoch: 164 / 4,
  modules: 168 / 4,
} as const;
/** Arguments of the job, float64: enough for any kernel. */
const ARGUMENTS = { start: 192, most: 64 } as const;
/** Address and length of each module's bytes, for threads that started before it was known. */
const MODULES = { start: 704, most: 16 } as const;
/** A kernel's number: which module, which of its exports. */
const EXPORTS = 4096;

/** Looks before a thread sleeps: about 50 µs, longer than the gap between two ops of a training step. */
const SPINS = 20_000;
/** A task takes milliseconds; a thread that finishes none for this long is gone. */
const PATIENCE_NS = 10_000_000_000n;
const MOST_THREADS = 256;

type Kernel = (task: number, ...args: readonly number[]) => void;
interface PoolExports {
  pool_start(job: number, tasks: number): void;
  pool_claim(job: number): number;
  pool_finish(): void;
  pool_next(job: number, spins: number): number;
  pool_wait(spins: number, patience: bigint): number;
}

/** What a thread starts with. */
interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly WebAssembly.Module[];
  readonly words: typeof WORD;
  readonly args: typeof ARGUMENTS;
  readonly table: typeof MODULES;
  readonly exportsPerModule: number;
  readonly spins: number;
  /** The pool's generation: a thread of an older one goes home. */
  readonly epoch: number;
}

/**
 * A thread's whole life. It is sent to the thread as source text, so that one build runs in Node, in bundlers and in
 * browsers: it may use nothing from outside.
 */
const workerMain = (start: WorkerStart): void => {
  const { memory, words, args, table, exportsPerModule, spins, epoch } = start;
  const imports = { env: { memory } };
  const kernels: Kernel[][] = [];
  const load = (module: WebAssembly.Module): PoolExports => {
    const { exports } = new WebAssembly.Instance(module, imports);
    kernels.push(WebAssembly.Module.exports(module).map(({ name }) => exports[name] as Kernel));
    return exports as unknown as PoolExports;
  };
  // The first module is this package's; it brings the pool's own functions.
  const pool = start.modules.map(load)[0]!;
  // Low memory stays where it is when memory grows.
  const word = new Int32Array(memory.buffer, 0, 16384);
  const values = new Float64Array(memory.buffer, args.start, args.most);
  let job = 0;
  if (Atomics.load(word, words.epoch) !== epoch) return;
  Atomics.add(word, words.joined, 1);
  for (;;) {
    job = pool.pool_next(job, spins);
    if (Atomics.load(word, words.epoch) !== epoch) return;
    let task = pool.pool_claim(job);
    if (task < 0) continue;
    while (kernels.length < word[words.modules]!) {
      const at = table.start / 4 + 2 * kernels.length;
      load(new WebAssembly.Module(new Uint8Array(memory.buffer, word[at]! >>> 0, word[at + 1]).slice()));
    }
    const kernel = word[words.kernel]!;
    const run = kernels[Math.floor(kernel / exportsPerModule)]![kernel % exportsPerModule]!;
    const list = Array.from(values.subarray(0, word[words.arguments]));
    for (; task >= 0; task = pool.pool_claim(job)) {
      try {
        run(task, ...list);
      } catch {
        Atomics.store(word, words.trapped, 1);
      }
      pool.pool_finish();
    }
  }
};

const startThread = (start: WorkerStart): void => {
  // Some loaders wrap functions in calls of a helper of theirs.
  const source = `globalThis.__name ??= (f) => f; const main = ${workerMain.toString()};`;
  const node = (globalThis as { process?: NodeJS.Process }).process;
  if (node?.versions?.node) {
    const { Worker } = node.getBuiltinModule("node:worker_threads");
    const worker = new Worker(`${source} main(require("node:worker_threads").workerData);`, {
      eval: true,
      execArgv: [],
      workerData: start,
    });
    worker.unref();
    return;
  }
  const url = URL.createObjectURL(
    new Blob([`${source} onmessage = ({ data }) => main(data);`], { type: "text/javascript" }),
  );
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  worker.postMessage(start);
};

/** How many threads the machine runs at once; 1 where memory cannot be shared with workers. */
const machineThreads = (): number => {
  const node = (globalThis as { process?: NodeJS.Process }).process;
  if (node?.versions?.node) return node.getBuiltinModule("node:os").availableParallelism();
  const { crossOriginIsolated, navigator } = globalThis as {
    crossOriginIsolated?: boolean;
    navigator?: { hardwareConcurrency?: number };
  };
  return crossOriginIsolated ? (navigator?.hardwareConcurrency ?? 1) : 1;
};

/** Whether this thread may sleep: everywhere but on a browser's main thread, which spins for the tail of a job. */
const maySleep = (): boolean => typeof (globalThis as { document?: unknown }).document === "undefined";

/**
 * Threads over the one linear memory. They take tasks of the job under way from a shared counter, and so does the caller; what a
 * task does follows from shapes alone, so results do not depend on how many threads there are. Threads start in the
 * background and join when they are ready; until then the caller works alone.
 */
export class ThreadPool {
  private readonly memory: WebAssembly.Memory;
  private readonly word: Int32Array;
  private readonly values: Float64Array;
  private readonly modules: WebAssembly.Module[] = [];
  private started = 0;
  private pool: PoolExports | null = null;
  private wanted: number;
  private job = 0;

  constructor(memory: WebAssembly.Memory, wanted = machineThreads()) {
    this.memory = memory;
    this.word = new Int32Array(memory.buffer, 0, 16384);
    this.values = new Float64Array(memory.buffer, ARGUMENTS.start, ARGUMENTS.most);
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

  /** @throws ArgumentError unless `count` is a whole number from 1 to 256. */
  resize(count: number): void {
    if (!Number.isInteger(count) || count < 1 || count > MOST_THREADS)
      throw new ArgumentError(`setThreads: a whole number from 1 to ${MOST_THREADS} expected, got ${count}`);
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
    if (index >= MODULES.most)
      throw new DeviceError(`cpu: more than ${MODULES.most} modules of kernels; join some of them`);
    this.pool ??= exports as unknown as PoolExports;
    const at = MODULES.start / 4 + 2 * index;
    this.word[at] = place(bytes);
    this.word[at + 1] = bytes.byteLength;
    this.modules.push(module);
    Atomics.store(this.word, WORD.modules, this.modules.length);
    return index * EXPORTS;
  }

  /** Runs `kernel` once for each task; `id` is its number for the other threads. */
  run(kernel: Kernel, id: number, args: readonly number[], tasks: number): void {
    const { pool } = this;
    if (tasks < 2 || this.wanted < 2 || !pool || args.length > ARGUMENTS.most) {
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
    pool.pool_start(job, tasks);
    let trap: unknown = null;
    for (let task = pool.pool_claim(job); task >= 0; task = pool.pool_claim(job)) {
      try {
        kernel(task, ...args);
      } catch (error) {
        // The others still work on this job: it ends before the error goes on.
        trap = error;
      }
      pool.pool_finish();
    }
    this.finish(pool, tasks);
    if (trap) throw trap as Error;
  }

  /** Sends the threads home; the next job that is worth it starts others. */
  close(): void {
    if (this.started === 0) return;
    this.started = 0;
    Atomics.add(this.word, WORD.epoch, 1);
    Atomics.store(this.word, WORD.joined, 0);
    // Without tasks: they wake, see the new epoch and leave.
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
      epoch: Atomics.load(this.word, WORD.epoch),
    };
    for (; this.started < this.wanted - 1; this.started++) startThread(start);
  }

  private finish(pool: PoolExports, tasks: number): void {
    const done = pool.pool_wait(SPINS, maySleep() ? PATIENCE_NS : 0n);
    if (done < tasks) {
      this.close();
      throw new DeviceError(
        `cpu: a thread stopped in the middle of a job (${done} of ${tasks} tasks are done); results of this op are lost, the next one starts new threads`,
      );
    }
    if (Atomics.exchange(this.word, WORD.trapped, 0) !== 0)
      throw new DeviceError("cpu: a kernel trapped on another thread; please report the op and its shapes");
  }
}
