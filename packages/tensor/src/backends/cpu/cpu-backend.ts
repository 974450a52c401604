import type { Backend, Buffer, Launch } from "../../backend.ts";
import { DEFAULT_PROFILE } from "../../device-profile.ts";
import { bytesPerElement, hostView, type DType, type TypedArray } from "../../dtype.ts";
import { DeviceError, TesseraError } from "../../error.ts";
import { writable } from "../../host-data.ts";
import type { CpuArgument, CpuStep, KernelOp, Plan, Signature, WasmModule } from "../../op.ts";
import type { Layout } from "../../shape.ts";
import type { Slot } from "../../slots.ts";
import { faultError } from "../fault-error.ts";
import { PlanCache } from "../plan-cache.ts";
import { dataOf } from "../reference/reference-backend.ts";
import { LinearMemory, WORDS } from "./linear-memory.ts";
import { FAULT, wasm as ownModule } from "../../generated/kernels.ts";
import { chooseBuild, type BuildChoice } from "./choose-build.ts";
import { measurePeak, type Peak, type PeakOptions } from "./measure-peak.ts";
import type { Kernel } from "./pool-thread.ts";
import { ThreadPool } from "./thread-pool.ts";
import { checkEngine, fusesMultiplyAdd } from "./wasm-build.ts";
import { compile } from "./wasm-module.ts";

interface LinearBuffer extends Buffer {
  readonly address: number;
  readonly dtype: DType;
}

/** A kernel that can run here, and its number for other threads. */
interface Callable {
  readonly run: Kernel;
  readonly id: number;
}

/** What exists from the first launch on. */
interface Machine {
  readonly linear: LinearMemory;
  readonly pool: ThreadPool;
  readonly choice: BuildChoice;
}

/** The addresses of one launch, and where the next list of words goes. */
interface Frame {
  readonly launch: Launch;
  readonly scratch: readonly number[];
  wordsAt: number;
}

/** WebAssembly SIMD kernels over one linear memory. */
export class CpuBackend implements Backend {
  readonly name = "cpu";
  /** How often a kernel of each kind was launched, for tests and profiles. */
  readonly launches = { wasm: 0, reference: 0 };
  private machine: Machine | null = null;
  private readonly plans = new PlanCache<CpuStep>(DEFAULT_PROFILE, (op, plan) => this.check(op, plan));
  private readonly instances = new Map<WasmModule, ReadonlyMap<string, Callable>>();

  get fusesMultiplyAdd(): boolean {
    return fusesMultiplyAdd();
  }

  alloc(dtype: DType, length: number): LinearBuffer {
    const bytes = length * bytesPerElement[dtype];
    return { bytes, address: this.memory().heap.alloc(bytes), dtype };
  }

  free(buffer: Buffer): void {
    this.memory().heap.release((buffer as LinearBuffer).address, buffer.bytes);
  }

  write(buffer: Buffer, data: TypedArray): void {
    const { bytes, address, dtype } = buffer as LinearBuffer;
    const values = writable("cpu", dtype, bytes / bytesPerElement[dtype], data);
    hostView(dtype, this.memory().memory.buffer, address, values.length).set(values);
  }

  readSync(buffer: Buffer, dtype: DType, offset: number, length: number): TypedArray {
    const start = (buffer as LinearBuffer).address + offset * bytesPerElement[dtype];
    // A copy on the ordinary heap: the view would see later writes.
    const view = hostView(dtype, this.memory().memory.buffer, start, length);
    return view instanceof Float32Array
      ? new Float32Array(view)
      : view instanceof Int32Array
        ? new Int32Array(view)
        : new Uint8Array(view);
  }

  read(buffer: Buffer, dtype: DType, offset: number, length: number): Promise<TypedArray> {
    return Promise.resolve(this.readSync(buffer, dtype, offset, length));
  }

  launch(launch: Launch): void {
    const { kernels } = launch.op;
    if (kernels.cpu === "reference") return this.launchReference(launch);
    this.launches.wasm++;
    const { steps, scratchBytes = [] } = this.plans.of(launch.op, kernels.cpu, launch.call);
    const { heap } = this.memory();
    const scratch: number[] = [];
    try {
      for (const bytes of scratchBytes) scratch.push(heap.alloc(bytes));
      for (const step of steps) this.runStep(step, { launch, scratch, wordsAt: WORDS.start });
    } finally {
      for (const [i, address] of scratch.entries()) heap.release(address, scratchBytes[i]!);
    }
  }

  readsViews({ kernels }: KernelOp<Signature>): readonly number[] | "all" | undefined {
    return kernels.cpu === "reference" ? undefined : kernels.cpu.strided;
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.machine?.pool.close();
    this.instances.clear();
    this.machine = null;
  }

  /**
   * Which build of the kernels runs here, and why: `wide`, with 256-bit vectors, where engine and CPU have them; `relaxed`, whose results are
   * the same to the last bit; or `base`, without fused multiply-adds. It is chosen once, when the device is first used.
   */
  get kernelBuild(): BuildChoice {
    return this.open().choice;
  }

  /** Threads that kernels run on, the caller's included: the machine's number unless `setThreads` said otherwise. */
  get threads(): number {
    return this.open().pool.size;
  }

  /**
   * Runs kernels on `count` threads from now on. Results do not depend on it, to the last bit.
   *
   * @throws ArgumentError unless `count` is a whole number from 1 to 256.
   * @throws DeviceError for more than one where memory cannot be shared: on a page that is not cross-origin isolated.
   */
  setThreads(count: number): void {
    this.open().pool.resize(count);
  }

  /**
   * Threads that have started and taken their place; the others join in the background. Where threads cannot start, such as
   * under a content-security-policy without `worker-src blob:`, it stays 1: everything works, on the caller's thread.
   */
  get threadsJoined(): number {
    return this.open().pool.joined;
  }

  /**
   * Measures the peak arithmetic rate and bandwidth of this machine on this device's threads, to compare kernels with. It takes about a
   * second. Waits until all threads have joined, half a minute at most; `threads` says how many there are then.
   *
   * @example
   * const { flops } = await cpu.measurePeak();
   * console.log(`${(flops / 1e9).toFixed(1)} GFLOP/s`);
   */
  async measurePeak(options: PeakOptions = {}): Promise<Peak> {
    const { linear, pool } = this.open();
    const { heap } = linear;
    const kernels = this.kernelsOf(ownModule);
    const borrow = <T>(bytes: number, work: (address: number) => T): T => {
      const address = heap.alloc(bytes);
      try {
        return work(address);
      } finally {
        heap.release(address, bytes);
      }
    };
    const run = (kernel: string, args: readonly number[], tasks: number): void => {
      const { run: work, id } = kernels.get(kernel)!;
      pool.run(work, id, args, tasks);
    };
    // Threads start at the first work that is worth them, and join while this one waits.
    for (let tries = 0; pool.joined < pool.size && tries < 3000; tries++) {
      borrow(128, (out) => run("peak_separate", [out, 1, 1, 0], 2));
      await new Promise((done) => setTimeout(done, 10));
    }
    const threads = pool.joined;
    return measurePeak(
      { threads, fuses: fusesMultiplyAdd(), borrow, run: (kernel, args) => run(kernel, args, threads) },
      options,
    );
  }

  private open(): Machine {
    if (this.machine) return this.machine;
    checkEngine();
    const linear = new LinearMemory();
    const machine = { linear, pool: new ThreadPool(linear.memory), choice: chooseBuild(ownModule, linear) };
    // The pool's own functions come with this package's kernels, which must be the first module.
    this.instantiate(ownModule, machine);
    return (this.machine = machine);
  }

  private memory(): LinearMemory {
    return this.open().linear;
  }

  /** Checks once per plan that its kernels exist and take as many arguments as it gives. A missing one would become address 0. */
  private check({ name }: KernelOp<Signature>, { steps }: Plan<CpuStep>): void {
    for (const { wasm, fn, args } of steps) {
      const kernel = this.kernelsOf(wasm).get(fn);
      if (!kernel) throw new DeviceError(`${name}: its module has no kernel "${fn}"; build the kernels again`);
      const parameters = kernel.run.length - 1;
      if (args.length !== parameters)
        throw new DeviceError(
          `${name}: kernel "${fn}" takes ${parameters} arguments after the task, its plan has ${args.length}; build the kernels again`,
        );
    }
  }

  private runStep(step: CpuStep, frame: Frame): void {
    const kernel = this.kernelsOf(step.wasm).get(step.fn)!;
    const args = new Array<number>(step.args.length);
    for (let i = 0; i < args.length; i++) args[i] = this.resolve(step.args[i]!, frame);
    if (!step.fault) return this.runTasks(kernel, args, step.tasks, frame);
    const { low } = this.memory();
    low[FAULT / 4] = 0;
    this.runTasks(kernel, args, step.tasks, frame);
    if (low[FAULT / 4] !== 0) throw faultError(step.fault(low[FAULT / 4 + 1]!));
  }

  private runTasks({ run, id }: Callable, args: readonly number[], tasks: number, { launch }: Frame): void {
    try {
      this.open().pool.run(run, id, args, tasks);
    } catch (error) {
      if (error instanceof TesseraError) throw error;
      throw new DeviceError(
        `${launch.op.name}: its kernel trapped (${(error as Error).message}), its results are lost; please report the op and its shapes`,
        { cause: error },
      );
    }
  }

  private resolve(argument: CpuArgument, frame: Frame): number {
    if (typeof argument === "number") return argument;
    if ("scalar" in argument) return frame.launch.scalars[argument.scalar]!;
    if ("words" in argument) return this.putWords(argument.words, frame);
    return slotAddress(argument, frame);
  }

  private putWords(words: readonly (number | Slot)[], frame: Frame): number {
    const at = frame.wordsAt;
    frame.wordsAt += Math.ceil(words.length / 4) * 16;
    if (frame.wordsAt > WORDS.end)
      throw new DeviceError(
        `${frame.launch.op.name}: ${words.length} words are more than one launch may list; split it`,
      );
    const { low } = this.memory();
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      low[at / 4 + i] = typeof word === "number" ? word : slotAddress(word, frame);
    }
    return at;
  }

  private kernelsOf(wasm: WasmModule): ReadonlyMap<string, Callable> {
    const machine = this.open();
    return this.instances.get(wasm) ?? this.instantiate(wasm, machine);
  }

  private instantiate(wasm: WasmModule, { linear, pool, choice }: Machine): ReadonlyMap<string, Callable> {
    this.refuseTakenSlot(wasm);
    const { module, bytes } = compile(wasm, choice.build);
    const { exports } = new WebAssembly.Instance(module, { env: { memory: linear.memory } });
    const first = pool.add(module, exports, bytes, (content) => {
      const address = linear.heap.alloc(content.byteLength);
      new Uint8Array(linear.memory.buffer).set(content, address);
      return address;
    });
    const callables = new Map(
      WebAssembly.Module.exports(module).map(({ name }, i) => [name, { run: exports[name] as Kernel, id: first + i }]),
    );
    this.instances.set(wasm, callables);
    return callables;
  }

  /** Static data is written when a module is instantiated: two modules in one slot would overwrite each other's. */
  private refuseTakenSlot(wasm: WasmModule): void {
    for (const other of this.instances.keys())
      if (wasm.slot !== null && other.slot === wasm.slot && other.text !== wasm.text)
        throw new DeviceError(
          `cpu: memory slot ${wasm.slot} was expected to be free for ${wasm.name}, and ${other.name} has its static data there; give one of them another "memorySlot" from 3 to 15 in package.json, and build its kernels again`,
        );
  }

  /** For ops of other packages that say `cpu: "reference"`: their plain kernel, over linear memory. */
  private launchReference({ op, call, inputs, outputs, scalars }: Launch): void {
    this.launches.reference++;
    const { buffer } = this.memory().memory;
    const data = (layout: Layout | null, at: Buffer | null | undefined) =>
      layout && dataOf(layout, buffer, (at as LinearBuffer).address);
    op.kernels.reference(
      call.inputs.map((layout, i) => data(layout, inputs[i])),
      call.outputs.map((layout, i) => data(layout, outputs[i])),
      call.attrs,
      scalars,
    );
  }
}

const slotAddress = (slot: Slot, { launch: { call, inputs, outputs }, scratch }: Frame): number => {
  if ("in" in slot) return addressOf(call.inputs[slot.in], inputs[slot.in]);
  if ("out" in slot) return addressOf(call.outputs[slot.out], outputs[slot.out]);
  return scratch[slot.scratch]!;
};

/** Where a view starts in linear memory; 0 for an absent tensor. */
const addressOf = (layout: Layout | null | undefined, buffer: Buffer | null | undefined): number =>
  layout && buffer ? (buffer as LinearBuffer).address + layout.offset * bytesPerElement[layout.dtype] : 0;
