import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeviceError } from "../../error.ts";
import { kernels } from "../../kernels.ts";
import { LinearMemory } from "./linear-memory.ts";
import type { Kernel } from "./pool-thread.ts";
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
/** The number of a kernel that does nothing but trap. */
let trapping: number;
/** The number of a kernel that does nothing, for threads; the caller is busy meanwhile. */
let idle: number;

beforeEach(() => {
  const linear = new LinearMemory();
  pool = new ThreadPool(linear.memory, 2, PATIENCE);
  const add = (module: WebAssembly.Module, bytes: Uint8Array): number =>
    pool.add(module, new WebAssembly.Instance(module, { env: { memory: linear.memory } }).exports, bytes, (content) => {
      const at = linear.heap.alloc(content.length);
      new Uint8Array(linear.memory.buffer).set(content, at);
      return at;
    });
  const own = compile(kernels);
  add(own.module, own.bytes);
  trapping = add(module, new Uint8Array());
  idle = trapping + 1;
});
afterEach(() => {
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
    threads.Worker = class extends Worker {
      constructor() {
        throw new Error("refused");
        super("");
      }
    };
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
