import type { DeviceBuffer } from "./buffer-pool.ts";
import { DeviceError, OutOfMemoryError, type TesseraError } from "../../error.ts";
import { faultError } from "../fault-error.ts";
import type { FaultReport } from "../../op.ts";

const SLOTS = 1024;

/**
 * Errors of the device, kept until the next wait: the first error of each batch, and indices that a kernel found outside its
 * tensor. A kernel that finds one writes `1, value` to its slot.
 */
export class Faults {
  /** Two words for each slot: a flag, and the offending value. */
  readonly buffer: GPUBuffer;
  /** The same buffer, as kernels bind it. */
  readonly slots: DeviceBuffer;
  private readonly device: GPUDevice;
  private readonly messages: FaultReport[] = [];
  private next = 0;
  private armed = false;
  private found: TesseraError | null = null;
  private readonly waiting = new Set<Promise<void>>();

  constructor(device: GPUDevice) {
    this.device = device;
    this.buffer = device.createBuffer({
      label: "faults",
      size: SLOTS * 8,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.slots = {
      gpu: this.buffer,
      bytes: this.bytes,
      capacity: this.bytes,
      id: 0,
      dtype: "int32",
      batch: 0,
      broken: false,
    };
  }

  /** The slot for a dispatch that may find a wrong index. */
  arm(message: FaultReport): number {
    const slot = this.next;
    this.messages[slot] = message;
    this.next = (slot + 1) % SLOTS;
    this.armed = true;
    return slot;
  }

  /** Whether a kernel that can report an index was launched since the last call. */
  disarm(): boolean {
    const { armed } = this;
    this.armed = false;
    return armed;
  }

  /** Opens the error scopes of a batch. */
  open(): void {
    for (const kind of ["validation", "out-of-memory", "internal"] as const) this.device.pushErrorScope(kind);
  }

  /** Closes the error scopes of a batch. `ops`: what it ran, for the message; `ran` is called when it had no error. */
  close(ops: readonly string[], ran: () => void): void {
    let right = 0;
    for (let i = 0; i < 3; i++) {
      const waiting: Promise<void> = this.device
        .popErrorScope()
        .then((error) => {
          if (error) this.found ??= explain(error, ops);
          else if (++right === 3) ran();
        })
        // The device is gone; `lost` reports it.
        .catch(() => undefined)
        .finally(() => this.waiting.delete(waiting));
      this.waiting.add(waiting);
    }
  }

  /** Waits for a promise of an error. It takes precedence over errors of the batches that it caused. */
  await(judged: Promise<TesseraError | null>): void {
    const waiting: Promise<void> = judged
      .then((error) => {
        if (error && !(this.found instanceof OutOfMemoryError)) this.found = error;
      })
      .catch(() => undefined)
      .finally(() => this.waiting.delete(waiting));
    this.waiting.add(waiting);
  }

  /** Reads the slots that a copy of the buffer holds. */
  collect(words: Uint32Array): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (words[2 * slot] === 0) continue;
      this.found ??= faultError(this.messages[slot]!(words[2 * slot + 1]! | 0));
      this.device.queue.writeBuffer(this.buffer, 0, new Uint32Array(2 * SLOTS));
      return;
    }
  }

  /** Resolves when all batches so far have been judged. */
  async settle(): Promise<void> {
    await Promise.all(this.waiting);
  }

  /** Throws what was found, once. */
  raise(): void {
    const { found } = this;
    this.found = null;
    if (found) throw found;
  }

  get bytes(): number {
    return SLOTS * 8;
  }
}

const explain = (error: GPUError, ops: readonly string[]): TesseraError => {
  const text = error.message.trim().split("\n")[0]!;
  // Labels of pipelines and bind groups are ops' names.
  const named = ops.filter((op) => error.message.includes(`"${op}"`));
  const where = named.length > 0 ? named[0]! : ops.length === 1 ? ops[0]! : "webgpu";
  return "GPUOutOfMemoryError" in globalThis && error instanceof GPUOutOfMemoryError
    ? new OutOfMemoryError(`${where}: the device is out of memory; free tensors, or use smaller batches (${text})`)
    : new DeviceError(`${where}: the device refused the work; please report it with this text: ${text}`);
};
