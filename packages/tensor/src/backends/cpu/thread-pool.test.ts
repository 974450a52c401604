import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeviceError } from "../../error.ts";
import { wasm } from "../../generated/kernels.ts";
import { LinearMemory } from "./linear-memory.ts";
import { WORD, type Kernel, type PoolExports } from "./pool-thread.ts";
import { ThreadPool } from "./thread-pool.ts";
import { compile } from "./wasm-module.ts";

/** What threads are made of, where the pool takes it from; a test may put another in its place. */
const threads = process.getBuiltinModule("node:worker_threads");
const { Worker } = threads;

/** `(module (import "env" "memory" …) (func (export "trap") (param i32) unreachable) (func (export "idle") (param i32)))` */
const module = new WebAssembly.Module(
  // prettier-ignore
  Uint8Array.of(
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 127, 0,
    2, 18, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 16, 128, 128, 4,
    3, 3, 2, 0, 0, 7, 15, 2, 4, 116, 114, 97, 112, 0, 0, 4, 105, 100, 108, 101, 0, 1,
    10, 8, 2, 3, 0, 0, 11, 2, 0, 11,
  ),
);

/** A task of a quarter of a millisecond: long enough for other threads to take some. */
const busy: Kernel = () => {
  const start = performance.now();
  while (performance.now() - start < 0.25);
};
const TASKS = 200;

const PATIENCE = 1000;
let pool: ThreadPool;
/** The pool's own functions, on the memory of its threads. */
let exports: PoolExports;
/** Low memory; nobody else uses the word at `HELD`. */
let word: Int32Array;
const HELD = 16;
/** Where pool.as.ts keeps the number of tasks. */
const TASKS_WORD = 144 / 4;
/** The number of a kernel that does nothing but trap. */
let trapping: number;
/** The number of a kernel that does nothing, for threads; the caller is busy meanwhile. */
let idle: number;

beforeEach(() => {
  const linear = new LinearMemory();
  pool = new ThreadPool(linear.memory, 2, PATIENCE);
  word = linear.low;
  const instantiate = (module: WebAssembly.Module): WebAssembly.Exports =>
    new WebAssembly.Instance(module, { env: { memory: linear.memory } }).exports;
  const add = (module: WebAssembly.Module, exports: WebAssembly.Exports, bytes: Uint8Array): number =>
    pool.add(module, exports, bytes, (content) => {
      const at = linear.heap.alloc(content.length);
      new Uint8Array(linear.memory.buffer).set(content, at);
      return at;
    });
  const own = compile(wasm, "base");
  const first = instantiate(own.module);
  exports = first as unknown as PoolExports;
  add(own.module, first, own.bytes);
  trapping = add(module, instantiate(module), new Uint8Array());
  idle = trapping + 1;
});
afterEach(() => {
  vi.restoreAllMocks();
  pool.close();
  threads.Worker = Worker;
});

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));

const join = async (count: number): Promise<void> => {
  for (let tries = 0; pool.joined !== count; tries++) {
    if (tries > 1000) throw new Error(`${pool.joined} of ${count} threads joined`);
    pool.run(busy, idle, [], 2);
    await pause(5);
  }
};

/** Threads are made as usual, with `first` in front of their source; the list of them grows. */
const recordThreads = (first = ""): InstanceType<typeof Worker>[] => {
  const made: InstanceType<typeof Worker>[] = [];
  threads.Worker = class extends Worker {
    constructor(source: string | URL, options?: ConstructorParameters<typeof Worker>[1]) {
      super(`${first}${String(source)}`, options);
      made.push(this);
    }
  };
  return made;
};

const refuseThreads = (): void => {
  threads.Worker = class extends Worker {
    constructor() {
      throw new Error("refused");
      super("");
    }
  };
};

/** In a thread: it ends as soon as it has claimed a task. */
const endWithTask = `
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (...given) {
    const { exports } = new Instance(...given);
    return { exports: { ...exports, pool_claim(job) {
      const task = exports.pool_claim(job);
      if (task >= 0) process.exit();
      return task;
    } } };
  };`;

/** In a thread: its first task of a long job takes so many milliseconds, or until `HELD` is 2; then it becomes 3. */
const holdTask = (milliseconds: number): string => `
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (module, imports) {
    const { exports } = new Instance(module, imports);
    const word = new Int32Array(imports.env.memory.buffer, 0, 16384);
    const long = () => Atomics.load(word, 144 / 4) === ${TASKS};
    let held = false;
    return { exports: { ...exports, pool_finish(job, trapped) {
      const first = long() && !held;
      if (first) {
        held = true;
        Atomics.store(word, ${HELD}, 1);
        Atomics.wait(word, ${HELD}, 1, ${milliseconds});
      }
      exports.pool_finish(job, trapped);
      if (first && Atomics.compareExchange(word, ${HELD}, 2, 3) === 2) Atomics.notify(word, ${HELD});
    } } };
  };`;

/** Runs long jobs until `holdTask` has its task; what the job with it threw. */
const runHeld = (): unknown => {
  for (let tries = 0; Atomics.load(word, HELD) === 0; tries++) {
    if (tries > 1000) throw new Error("no thread took a task");
    try {
      pool.run(busy, idle, [], TASKS);
    } catch (error) {
      return error;
    }
  }
  return null;
};

describe("a thread", () => {
  it("that ends in the middle of a job is a DeviceError, and the next job starts another", async () => {
    recordThreads(endWithTask);
    let error: unknown;
    for (let tries = 0; tries < 1000 && !error; tries++) {
      try {
        pool.run(busy, idle, [], TASKS);
      } catch (thrown) {
        error = thrown;
      }
      await pause(5);
    }
    expect(error).toBeInstanceOf(DeviceError);
    expect(String(error)).toMatch(
      /^DeviceError: cpu: a thread stopped in the middle of a job \(199 of 200 tasks are done\); results of this op are lost, the next one starts new threads$/,
    );
    threads.Worker = Worker;
    expect(pool.joined).toBe(1);
    await join(2);
    pool.run(busy, idle, [], TASKS);
  });

  it("that finishes a task of a job that was given up leaves the next job alone", async () => {
    recordThreads(holdTask(60_000));
    await join(2);
    expect(String(runHeld())).toMatch(/199 of 200 tasks are done/);
    // No thread starts any more; as if one was there, the caller does a job with the pool, alone.
    refuseThreads();
    pool.run(busy, idle, [], 2);
    Atomics.store(word, WORD.joined, 1);
    const done: number[] = [];
    const count: Kernel = (task) => {
      if (task === 1) {
        // Now the late one finishes, in the middle of this job.
        Atomics.store(word, HELD, 2);
        Atomics.notify(word, HELD);
        expect(Atomics.wait(word, HELD, 2, 10_000)).not.toBe("timed-out");
      }
      done.push(exports.pool_wait(0, 0n));
    };
    pool.run(count, idle, [], 4);
    expect(done).toEqual([0, 1, 2, 3]);
  });

  it("is waited for while the process is stopped, or the machine asleep", async () => {
    recordThreads(holdTask(600));
    await join(2);
    const now = performance.now.bind(performance);
    const [start, hour] = [now(), 3_600_000];
    // The clock goes on without the process: by an hour, between two looks of the caller.
    vi.spyOn(performance, "now").mockImplementation(() => {
      const time = now();
      return time - start > 200 ? time + hour : time;
    });
    expect(runHeld()).toBeNull();
    expect(pool.joined).toBe(2);
  });

  it("that ends between two jobs is replaced", async () => {
    const made = recordThreads();
    await join(2);
    expect(made).toHaveLength(1);
    await made[0]!.terminate();
    expect(pool.joined).toBe(1);
    await join(2);
    expect(made).toHaveLength(2);
  });

  it("that cannot start leaves the work to the caller", async () => {
    const made = recordThreads("throw new Error('no');");
    let done = 0;
    for (let job = 0; job < 5; job++) {
      pool.run(() => done++, idle, [], 10);
      await pause(100);
    }
    expect(done).toBe(50);
    expect(pool.joined).toBe(1);
    expect(made).toHaveLength(1);
    refuseThreads();
    pool.resize(3);
    pool.run(() => done++, idle, [], 10);
    expect(done).toBe(60);
  });

  it("whose kernel traps tells the caller, and works on", async () => {
    await join(2);
    let jobs = 0;
    // A machine that is busy may let the caller do a whole job alone.
    const trapOnThread = (): void => {
      for (; jobs < 1000; jobs++) pool.run(busy, trapping, [], TASKS);
    };
    expect(trapOnThread).toThrow(/^on another thread$/);
    expect(pool.joined).toBe(2);
    pool.run(busy, idle, [], TASKS);
  });
});

it("a kernel that traps on the caller's thread ends the job first", async () => {
  await join(2);
  const fail = (): never => {
    busy(0);
    throw new RangeError("too deep");
  };
  expect(() => pool.run(fail, idle, [], TASKS)).toThrow("too deep");
  pool.run(busy, idle, [], TASKS);
});

it("a machine with more threads than a pool may have gets as many as it may", () => {
  const os = process.getBuiltinModule("node:os");
  vi.spyOn(os, "availableParallelism").mockReturnValue(384);
  expect(new ThreadPool(new LinearMemory().memory).size).toBe(256);
});

it("gives no task of a job that is over to a thread that looks while the next job is prepared", () => {
  exports.pool_start(7, 2);
  for (const task of [0, 1]) {
    expect(exports.pool_claim(7)).toBe(task);
    exports.pool_finish(7, 0);
  }
  // The next job's number of tasks is there before its ticket.
  word[TASKS_WORD] = 5;
  expect(exports.pool_claim(7)).toBe(-1);
});

it("a job is done when its own tasks are, whoever finishes tasks of an earlier one", () => {
  exports.pool_start(7, 3);
  for (const task of [0, 1, 2]) expect(exports.pool_claim(7)).toBe(task);
  exports.pool_finish(7, 0);
  expect(exports.pool_wait(1, 0n)).toBe(1);
  exports.pool_start(8, 2);
  expect(exports.pool_claim(7)).toBe(-1);
  expect(exports.pool_claim(8)).toBe(0);
  exports.pool_finish(7, 1);
  exports.pool_finish(7, 0);
  expect(exports.pool_wait(1, 0n)).toBe(0);
  exports.pool_finish(8, 0);
  expect(exports.pool_wait(1, 0n)).toBe(1);
  exports.pool_finish(8, 1);
  // The topmost bit: one of them trapped.
  expect(exports.pool_wait(1, 0n)).toBe(2 - 2 ** 31);
});
