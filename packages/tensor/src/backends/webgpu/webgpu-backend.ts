import type { Backend, Buffer, KernelTime, Launch } from "../../backend.ts";
import type { DeviceProfile } from "../../device-profile.ts";
import { hostArray, type DType, type TypedArray } from "../../dtype.ts";
import { DeviceError, IndexError, OutOfMemoryError, OverflowError } from "../../error.ts";
import { writable } from "../../host-data.ts";
import { retireAccount } from "../../memory.ts";
import type { KernelOp, Signature, Slot, WebgpuStep } from "../../op.ts";
import { PlanCache } from "../plan-cache.ts";
import { BufferPool, type DeviceBuffer } from "./buffer-pool.ts";
import { Faults } from "./faults.ts";
import { Pipelines, type Pipeline } from "./pipelines.ts";
import { Staging, type Staged } from "./staging.ts";
import { Timestamps } from "./timestamps.ts";
import { WordRing } from "./word-ring.ts";

/** Dispatches after which a batch goes to the device, so that it works while the next batch is made. */
const BATCH = 96;
const MAX_WORKGROUPS = 65535;
/** How long a failure waits for the news that the device was lost. */
const LOSS_MS = 100;

/** Commands that have been encoded and not yet submitted. */
interface Batch {
  readonly encoder: GPUCommandEncoder;
  pass: GPUComputePassEncoder | null;
  dispatches: number;
  readonly ops: Set<string>;
  /** A pipeline that no batch has used before. It is alone in this one. */
  unproven: Pipeline | null;
}

/**
 * WGSL kernels on a GPU. Every element takes 4 bytes there, bool ones too. Launches are encoded into one compute pass and
 * submitted in batches; errors of the device are thrown by the next `read` or `sync`, or by the next launch that knows of them.
 */
export class WebgpuBackend implements Backend {
  readonly name = "webgpu";
  /** What planners may depend on. */
  readonly profile: DeviceProfile;
  private readonly device: GPUDevice;
  private readonly owned: boolean;
  private readonly pool: BufferPool;
  private readonly ring: WordRing;
  private readonly pipelines: Pipelines;
  private readonly plans: PlanCache<WebgpuStep>;
  private readonly faults: Faults;
  private readonly staging: Staging;
  /** Where the words of a dispatch are, as WebGPU takes it. */
  private readonly place = new Uint32Array(1);
  private batch: Batch | null = null;
  private batches = 0;
  private gone: string | null = null;
  /** The op that was launched last, for errors that say no more. */
  private last = "webgpu";
  private timestamps: Timestamps | null = null;

  /** `owned`: whether closing destroys the device. Use `openDevice`. */
  constructor(device: unknown, profile: DeviceProfile, owned: boolean) {
    this.device = device as GPUDevice;
    this.profile = profile;
    this.plans = new PlanCache<WebgpuStep>(profile);
    this.owned = owned;
    this.pool = new BufferPool(this.device, (judged) => this.faults.await(judged));
    this.ring = new WordRing(this.device);
    this.pipelines = new Pipelines(this.device, this.ring);
    this.faults = new Faults(this.device);
    this.staging = new Staging(this.device);
    void this.device.lost.then(({ reason, message }) => {
      this.gone ??= `the device was lost (${[reason, message].filter(Boolean).join(": ")})`;
      retireAccount(this);
    });
  }

  /** Whether the device was lost or closed. */
  get isLost(): boolean {
    return this.gone !== null;
  }

  /** Bytes of the device's memory that tensors, scratch and the pool take, and the most they took. */
  get deviceBytes(): { readonly live: number; readonly peak: number } {
    return { ...this.pool.bytes };
  }

  // Not DeviceBuffer: what is declared to users names no type of WebGPU, which their compiler may not know.
  alloc(dtype: DType, length: number, op = "alloc"): Buffer {
    this.open("alloc");
    const buffer = this.pool.take(length * 4, op);
    buffer.dtype = dtype;
    return buffer;
  }

  free(buffer: Buffer): void {
    if (this.gone === null) this.pool.give(buffer as DeviceBuffer);
  }

  write(buffer: Buffer, data: TypedArray): void {
    this.open("write");
    const target = madeBuffer(buffer, "write");
    const values = writable("webgpu", target.dtype, target.bytes / 4, data);
    // The write takes effect before encoded work that was not submitted, which must not use the buffer.
    if (this.batch && target.batch === this.batches) this.flush();
    const words = values instanceof Uint8Array ? Uint32Array.from(values) : values;
    this.device.queue.writeBuffer(target.gpu, 0, words.buffer, words.byteOffset, words.byteLength);
  }

  async read(buffer: Buffer, dtype: DType, offset: number, length: number): Promise<TypedArray> {
    const { encoder } = this.open("read");
    const { last } = this;
    const source = madeBuffer(buffer, "read");
    this.endPass();
    // A buffer as large as any may be has no room for the faults beside it: then there are several pieces, the faults in the first.
    const pieces: { readonly staged: Staged; readonly from: number; readonly at: number; readonly bytes: number }[] =
      [];
    for (let at = 0; at < length * 4 || pieces.length === 0;) {
      const from = pieces.length === 0 ? this.faults.bytes : 0;
      const bytes = Math.min(length * 4 - at, this.staging.maxBytes - from);
      const staged = this.staging.take(from + bytes);
      if (bytes > 0) encoder.copyBufferToBuffer(source.gpu, offset * 4 + at, staged.gpu, from, bytes);
      pieces.push({ staged, from, at, bytes });
      at += bytes;
    }
    const armed = this.faults.disarm();
    if (armed) encoder.copyBufferToBuffer(this.faults.buffer, 0, pieces[0]!.staged.gpu, 0, this.faults.bytes);
    this.flush();
    const copies = await Promise.all(pieces.map(({ staged, from, bytes }) => this.staged(staged, from + bytes, last)));
    if (armed) this.faults.collect(new Uint32Array(copies[0]!, 0, this.faults.bytes / 4));
    await this.judge(last);
    const out = hostArray(dtype, length);
    for (const [i, { from, at, bytes }] of pieces.entries())
      if (dtype === "bool") out.set(new Uint32Array(copies[i]!, from, bytes / 4), at / 4);
      else new Uint8Array(out.buffer).set(new Uint8Array(copies[i]!, from, bytes), at);
    return out;
  }

  launch(launch: Launch): void {
    const { kernels, name } = launch.op;
    // The key is missing where no compiler has looked at an op.
    const webgpu = kernels.webgpu as typeof kernels.webgpu | undefined;
    if (webgpu === undefined || webgpu === "none")
      throw new DeviceError(
        `${name}: expected an op with a webgpu kernel, got one without; move its inputs with await x.to("cpu")`,
      );
    this.faults.raise();
    const { steps, scratchBytes = [] } = this.plans.of(launch.op, webgpu, launch.call);
    this.open(name);
    const scratch: DeviceBuffer[] = [];
    try {
      for (const bytes of scratchBytes) scratch.push(this.pool.take(bytes, name));
      for (const step of steps) this.dispatch(step, launch, scratch);
    } finally {
      for (const buffer of scratch) this.pool.give(buffer);
    }
  }

  readsViews({ kernels }: KernelOp<Signature>): readonly number[] | "all" | undefined {
    const webgpu = kernels.webgpu as typeof kernels.webgpu | undefined;
    return webgpu === undefined || webgpu === "none" ? undefined : webgpu.strided;
  }

  async sync(): Promise<void> {
    const { last } = this;
    if (!this.faults.disarm()) {
      this.flush();
      // Some engines reject when the device is gone; `judge` reports it.
      await this.device.queue.onSubmittedWorkDone().catch(() => undefined);
      return this.judge(last);
    }
    const { encoder } = this.open("sync");
    const staged = this.staging.take(this.faults.bytes);
    this.endPass();
    encoder.copyBufferToBuffer(this.faults.buffer, 0, staged.gpu, 0, this.faults.bytes);
    this.flush();
    this.faults.collect(new Uint32Array(await this.staged(staged, this.faults.bytes, last)));
    await this.judge(last);
  }

  close(): void {
    if (this.gone === null) {
      if (this.owned) this.device.destroy();
      else {
        // Closes the open error scopes, and leaves the caller's device as it was.
        this.flush();
        this.pipelines.unbind();
        for (const ours of [this.pool, this.staging, this.ring.buffer, this.faults.buffer]) ours.destroy();
      }
    }
    this.gone ??= "it was closed";
    this.batch = null;
    retireAccount(this);
  }

  /** Hands the memory that the pool keeps for reuse back to the device. Returns how many buffers that were. */
  trim(): number {
    this.flush();
    this.pipelines.unbind();
    return this.pool.trim();
  }

  /**
   * The device's own time for each kernel that `fn` launches. Each runs in a pass of its own, so the whole takes longer than usual.
   *
   * @throws DeviceError when the device has no timestamp queries.
   */
  async time(fn: () => unknown): Promise<readonly KernelTime[]> {
    if (!this.device.features.has("timestamp-query"))
      throw new DeviceError("webgpu: this device has no timestamp queries");
    this.flush();
    const timestamps = new Timestamps(this.device);
    this.timestamps = timestamps;
    try {
      await fn();
      this.flush();
    } finally {
      this.timestamps = null;
    }
    await this.judge(this.last);
    return timestamps.read();
  }

  private dispatch(step: WebgpuStep, launch: Launch, scratch: readonly DeviceBuffer[]): void {
    const { shader, workgroups, fault, words = [] } = step;
    const count = words.length + (fault ? 1 : 0);
    if (!this.ring.fits(count) || (this.batch?.dispatches ?? 0) >= BATCH) this.flush();
    // The device refuses whole batches: a shader that may be invalid must not share one with valid work.
    if (!this.pipelines.isProven(shader)) this.flush();
    const batch = this.open(launch.op.name);
    const pipeline = this.pipelines.of(shader);
    this.last = launch.op.name;
    const buffers: DeviceBuffer[] = [];
    for (const slot of step.bind) {
      const buffer = this.resolve(slot, launch, scratch);
      buffer.batch = this.batches;
      buffers.push(buffer);
    }
    if (fault) buffers.push(this.faults.slots);
    const group = this.pipelines.bind(pipeline, shader.label, buffers, this.ring.span(count));
    batch.ops.add(shader.label);
    const pass = this.passOf(batch, shader.label);
    pass.setPipeline(pipeline.gpu);
    if (pipeline.hasWords) {
      this.place[0] = this.ring.put(words, launch, fault ? this.faults.arm(fault) : null);
      pass.setBindGroup(0, group, this.place, 0, 1);
    } else pass.setBindGroup(0, group);
    if (workgroups <= MAX_WORKGROUPS) pass.dispatchWorkgroups(workgroups);
    else {
      const rows = Math.ceil(workgroups / MAX_WORKGROUPS);
      pass.dispatchWorkgroups(Math.ceil(workgroups / rows), rows);
    }
    batch.dispatches++;
    if (this.timestamps) this.endPass();
    if (pipeline.proven) return;
    batch.unproven = pipeline;
    this.flush();
  }

  private passOf(batch: Batch, label: string): GPUComputePassEncoder {
    if (batch.pass) return batch.pass;
    const timestampWrites = this.timestamps?.next(label);
    return (batch.pass = batch.encoder.beginComputePass(timestampWrites ? { timestampWrites } : {}));
  }

  private resolve(slot: Slot, { op, inputs, outputs }: Launch, scratch: readonly DeviceBuffer[]): DeviceBuffer {
    const buffer = "in" in slot ? inputs[slot.in] : "out" in slot ? outputs[slot.out] : scratch[slot.scratch];
    if (!buffer)
      throw new DeviceError(`${op.name}: its plan binds a tensor that is not there: ${JSON.stringify(slot)}`);
    return madeBuffer(buffer, op.name);
  }

  /** The open batch, or a new one. */
  private open(op: string): Batch {
    if (this.gone !== null) throw this.loss(op);
    if (this.batch) return this.batch;
    this.batches++;
    this.faults.open();
    return (this.batch = {
      encoder: this.device.createCommandEncoder(),
      pass: null,
      dispatches: 0,
      ops: new Set(),
      unproven: null,
    });
  }

  private endPass(): void {
    this.batch?.pass?.end();
    if (this.batch) this.batch.pass = null;
  }

  /** Submits what is encoded. */
  private flush(): void {
    const { batch } = this;
    if (!batch) return;
    this.endPass();
    this.ring.flush();
    this.device.queue.submit([batch.encoder.finish()]);
    const { unproven } = batch;
    this.faults.close([...batch.ops], () => {
      if (unproven) unproven.proven = true;
    });
    this.batch = null;
  }

  private loss(op: string): DeviceError {
    return new DeviceError(`${op}: webgpu cannot be used, ${this.gone}; open it again with await openDevice("webgpu")`);
  }

  /** The copied bytes, once they have arrived on the host. */
  private async staged(staged: Staged, bytes: number, last: string): Promise<ArrayBuffer> {
    try {
      return await this.staging.read(staged, bytes);
    } catch (error) {
      // The reason may arrive a little later than the failure.
      await Promise.race([this.device.lost, new Promise((done) => setTimeout(done, LOSS_MS))]);
      await this.judge(last);
      throw new DeviceError(`${last}: its result could not be read (${(error as Error).message})`, { cause: error });
    }
  }

  /** Throws the errors since the last call. `last`: the op that was launched last by then. */
  private async judge(last: string): Promise<void> {
    await this.faults.settle();
    if (this.gone !== null) throw this.loss(last);
    try {
      this.faults.raise();
    } catch (error) {
      // Forget what could not be made.
      if (!(error instanceof IndexError || error instanceof OverflowError)) {
        this.pipelines.forget();
        this.trim();
      }
      throw error;
    }
  }
}

/** @throws OutOfMemoryError when the device had no room for the buffer. */
const madeBuffer = (buffer: Buffer, op: string): DeviceBuffer => {
  const made = buffer as DeviceBuffer;
  if (made.broken)
    throw new OutOfMemoryError(
      `${op}: one of its tensors was never made, since the device had no room for it; free it, and make it again`,
    );
  return made;
};
