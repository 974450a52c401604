import { POOL_TASKS } from "../../generated/kernels.ts";

/** Words of the pool in low memory, as int32 indices; pool.as.ts has the atomic ones. */
export const WORD = {
  tasks: POOL_TASKS / 4,
  kernel: 152 / 4,
  arguments: 156 / 4,
  joined: 160 / 4,
  epoch: 164 / 4,
  modules: 168 / 4,
} as const;
/** Arguments of the job, float64: enough for any kernel. */
export const ARGUMENTS = { start: 192, max: 64 } as const;
/** Address and length of each module's bytes, for threads that started before it was known. */
export const MODULES = { start: 704, max: 16 } as const;
/** A kernel's number: which module, which of its exports. */
export const EXPORTS = 4096;

export type Kernel = (task: number, ...args: readonly number[]) => void;
export interface PoolExports {
  pool_start(job: number, tasks: number): void;
  pool_claim(job: number): number;
  pool_finish(job: number, trapped: number): void;
  pool_next(job: number, spins: number): number;
  pool_wait(spins: number, patience: bigint): number;
}

/** What a thread starts with. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly WebAssembly.Module[];
  readonly words: typeof WORD;
  readonly args: typeof ARGUMENTS;
  readonly table: typeof MODULES;
  readonly exportsPerModule: number;
  /** Looks for the next job before it sleeps, and those after a job that it did alone. */
  readonly spins: number;
  readonly fewSpins: number;
  /** The pool's generation: a thread of an older one ends. */
  readonly epoch: number;
}

/**
 * A thread's whole life. It is sent to the thread as source text, so that one build runs in Node, in bundlers and in
 * browsers: it may use nothing from outside.
 */
const workerMain = (start: WorkerStart): void => {
  const { memory, words, args, table, exportsPerModule, spins, fewSpins, epoch } = start;
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
  const values = new Float64Array(memory.buffer, args.start, args.max);
  /** A module that came after this thread had started. */
  const loadNext = (): void => {
    const at = table.start / 4 + 2 * kernels.length;
    load(new WebAssembly.Module(new Uint8Array(memory.buffer, word[at]! >>> 0, word[at + 1]).slice()));
  };
  let job = 0;
  let looks = spins;
  if (Atomics.load(word, words.epoch) !== epoch) return;
  Atomics.add(word, words.joined, 1);
  for (;;) {
    job = pool.pool_next(job, looks);
    looks = spins;
    if (Atomics.load(word, words.epoch) !== epoch) return;
    let task = pool.pool_claim(job);
    if (task < 0) continue;
    const kernel = word[words.kernel]!;
    // One by one: Array.from takes ten times as long, which a small job would notice.
    const list = new Array<number>(word[words.arguments]!);
    for (let i = 0; i < list.length; i++) list[i] = values[i]!;
    // The pool gave this job up: the arguments may belong to a later one.
    if (Atomics.load(word, words.epoch) !== epoch) return;
    const tasks = word[words.tasks]!;
    let done = 0;
    for (; task >= 0; task = pool.pool_claim(job)) {
      done++;
      let trapped = 0;
      try {
        while (kernels.length < word[words.modules]!) loadNext();
        kernels[Math.floor(kernel / exportsPerModule)]![kernel % exportsPerModule]!(task, ...list);
      } catch {
        // A task that was claimed is finished, whatever happens: the caller waits for it.
        trapped = 1;
      }
      pool.pool_finish(job, trapped);
    }
    // It did the whole job, so the caller did not run meanwhile.
    if (done >= tasks) looks = fewSpins;
  }
};

/**
 * Starts a thread, which does not keep the process alive.
 *
 * @param ended called when it ends, or could not start: by a fault, or because the pool was closed
 */
export const startThread = (start: WorkerStart, ended: () => void): void => {
  // Some loaders wrap functions in calls of a helper of theirs.
  const source = `globalThis.__name ??= (f) => f; const main = ${workerMain.toString()};`;
  const node = (globalThis as { process?: NodeJS.Process }).process;
  try {
    if (node?.versions?.node) {
      const { Worker } = node.getBuiltinModule("node:worker_threads");
      const worker = new Worker(`${source} main(require("node:worker_threads").workerData);`, {
        eval: true,
        execArgv: [],
        workerData: start,
      });
      // Without a listener for errors, a thread that fails would end the whole process. The end follows it.
      worker.on("error", () => {}).once("exit", ended);
      worker.unref();
      return;
    }
    const url = URL.createObjectURL(
      new Blob([`${source} onmessage = ({ data }) => main(data);`], { type: "text/javascript" }),
    );
    const worker = new Worker(url);
    URL.revokeObjectURL(url);
    worker.addEventListener("error", ended, { once: true });
    worker.postMessage(start);
  } catch {
    // Refused at once: no more threads in this system, or a page's policy without `worker-src blob:`.
    ended();
  }
};
