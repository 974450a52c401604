import { Worker } from "node:worker_threads";

/** Words of the threads' control block; probe-thread.mjs has the same. */
const WORD = { job: 0, arrived: 1, done: 2, kind: 3, amount: 4, repeats: 5 } as const;
const KIND = { stop: 0, arithmetic: 1, copy: 2 } as const;
/** A window takes milliseconds; threads that take this long are gone. */
const PATIENCE_MS = 30_000;

/** Threads that run the probe's kernels at the same time, in windows. */
export class Probe {
  private readonly control = new Int32Array(new SharedArrayBuffer(64));
  private readonly milliseconds: Float64Array;
  private readonly workers: Worker[] = [];
  private readonly threads: number;

  private constructor(threads: number) {
    this.threads = threads;
    this.milliseconds = new Float64Array(new SharedArrayBuffer(8 * threads));
  }

  /** @param copyBytes the most that a window copies, all threads together */
  static async start(module: WebAssembly.Module, threads: number, copyBytes: number): Promise<Probe> {
    const probe = new Probe(threads);
    // Source and target, in whole pages for each thread.
    const pages = Math.ceil((2 * copyBytes) / threads / 131072) * 2;
    const memory = new WebAssembly.Memory({ initial: 1 + pages * threads, maximum: 65536, shared: true });
    const ready: Promise<unknown>[] = [];
    for (let index = 0; index < threads; index++) {
      const worker = new Worker(new URL("probe-thread.mjs", import.meta.url), {
        execArgv: [],
        workerData: {
          module,
          memory,
          control: probe.control,
          milliseconds: probe.milliseconds,
          index,
          threads,
          bytesPerThread: pages * 65536,
        },
      });
      probe.workers.push(worker);
      ready.push(new Promise((done, failed) => worker.once("message", done).once("error", failed)));
    }
    await Promise.all(ready);
    return probe;
  }

  /** Seconds that `rounds` rounds of arithmetic took on each thread; the slowest one's. */
  arithmetic(rounds: number): number {
    return this.window(KIND.arithmetic, rounds, 1);
  }

  /** Seconds that it took to copy `bytes`, shared by the threads, so many times. */
  copy(bytes: number, repeats: number): number {
    return this.window(KIND.copy, Math.ceil(bytes / this.threads / 64) * 64, repeats);
  }

  async close(): Promise<void> {
    Atomics.store(this.control, WORD.kind, KIND.stop);
    this.startJob();
    await Promise.all(this.workers.map((worker) => new Promise((done) => worker.once("exit", done))));
  }

  private window(kind: number, amount: number, repeats: number): number {
    const { control, threads } = this;
    for (const [word, value] of [
      [WORD.kind, kind],
      [WORD.amount, amount],
      [WORD.repeats, repeats],
      [WORD.arrived, 0],
      [WORD.done, 0],
    ] as const)
      Atomics.store(control, word, value);
    this.startJob();
    for (let done = 0; done < threads; done = Atomics.load(control, WORD.done))
      if (Atomics.wait(control, WORD.done, done, PATIENCE_MS) === "timed-out")
        throw new Error("bench: a thread of the probe stopped");
    return Math.max(...this.milliseconds) / 1000;
  }

  private startJob(): void {
    Atomics.add(this.control, WORD.job, 1);
    Atomics.notify(this.control, WORD.job);
  }
}
