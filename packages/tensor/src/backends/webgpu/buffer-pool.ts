import type { Buffer } from "../../backend.ts";
import type { DType } from "../../dtype.ts";
import { OutOfMemoryError } from "../../error.ts";

/** A GPU buffer that a storage or a launch's scratch may hold, again and again. */
export interface DeviceBuffer extends Buffer {
  readonly gpu: GPUBuffer;
  /** Names it in the keys of bind groups. */
  readonly id: number;
  readonly capacity: number;
  /** Of the tensor that it is given out for; scratch has none of its own. */
  dtype: DType;
  /** The last batch of commands that uses it. */
  batch: number;
  /** Whether the device had no room for it. It then holds nothing, and is never reused. */
  broken: boolean;
}

const SMALLEST = 256;

/** Sizes that buffers come in: eighths of powers of two, so that at most an eighth is lost. Whole vec4s always fit. */
export const capacityOf = (bytes: number): number => {
  if (bytes <= SMALLEST) return SMALLEST;
  const step = Math.max(SMALLEST, 2 ** Math.floor(Math.log2(bytes)) / 8);
  return Math.ceil(bytes / step) * step;
};

let nextId = 1;

/**
 * Buffers by capacity, lowest id first, whatever order they were returned in: equal steps get equal buffers, and reuse their bind groups.
 * A buffer may be given out again at once, since commands run in order; only destroying one has to wait for the batch that uses it.
 *
 * WebGPU reports only later that a device had no room for a buffer; until then commands use it like any other. `full` gets a promise of that
 * report. When it is an error, the buffer is marked broken, and the next read or sync throws; trimming the pool may make room.
 */
export class BufferPool {
  /** Bytes of all buffers that exist, and the most there have been. */
  readonly bytes = { live: 0, peak: 0 };
  private readonly device: GPUDevice;
  private readonly full: (judged: Promise<OutOfMemoryError | null>) => void;
  private readonly maxBytes: number;
  /** By falling id. */
  private readonly free = new Map<number, DeviceBuffer[]>();
  /** All buffers, so that closing a device that the caller owns leaves nothing on it. */
  private readonly all = new Set<GPUBuffer>();

  /** @param full called for every new buffer, with a promise of the error when there was no room for it */
  constructor(device: GPUDevice, full: (judged: Promise<OutOfMemoryError | null>) => void) {
    this.device = device;
    this.full = full;
    // Whole vec4s.
    this.maxBytes =
      Math.floor(Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize) / 16) * 16;
  }

  /** @throws OutOfMemoryError when a buffer cannot be that large; that the device is full is known only later. */
  take(bytes: number, op: string): DeviceBuffer {
    if (bytes > this.maxBytes)
      throw new OutOfMemoryError(
        `webgpu: one tensor may have ${this.maxBytes} bytes on this device, got ${bytes}; split it, or use smaller batches`,
      );
    const capacity = Math.min(capacityOf(bytes), this.maxBytes);
    const found = this.free.get(capacity)?.pop();
    if (found) return found.bytes === bytes ? found : Object.assign(found, { bytes });
    const before = this.bytes.live;
    this.bytes.live += capacity;
    this.bytes.peak = Math.max(this.bytes.peak, this.bytes.live);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.device.pushErrorScope("out-of-memory");
    const gpu = this.device.createBuffer({ label: op, size: capacity, usage });
    const buffer: DeviceBuffer = { bytes, capacity, gpu, id: nextId++, dtype: "float32", batch: -1, broken: false };
    this.all.add(gpu);
    const judge = (error: GPUError | null): OutOfMemoryError | null => {
      if (!error) return null;
      this.drop(buffer);
      return new OutOfMemoryError(
        `${op}: the device has no room for ${bytes} bytes beside the ${before} in use; free tensors, or use smaller batches (${error.message.trim().split("\n")[0]})`,
      );
    };
    this.full(this.device.popErrorScope().then(judge));
    return buffer;
  }

  /** Removes a buffer that could not be allocated from all lists. */
  private drop(buffer: DeviceBuffer): void {
    buffer.broken = true;
    const list = this.free.get(buffer.capacity);
    if (list?.includes(buffer)) list.splice(list.indexOf(buffer), 1);
    if (this.all.delete(buffer.gpu)) this.bytes.live -= buffer.capacity;
  }

  give(buffer: DeviceBuffer): void {
    if (buffer.broken) return;
    const list = this.free.get(buffer.capacity);
    if (!list) {
      this.free.set(buffer.capacity, [buffer]);
      return;
    }
    let [from, to] = [0, list.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (list[middle]!.id > buffer.id) from = middle + 1;
      else to = middle;
    }
    list.splice(from, 0, buffer);
  }

  /** Destroys all free buffers. No batch may be open. Returns how many there were. */
  trim(): number {
    let count = 0;
    for (const list of this.free.values())
      for (const { gpu, capacity } of list) {
        gpu.destroy();
        this.all.delete(gpu);
        this.bytes.live -= capacity;
        count++;
      }
    this.free.clear();
    return count;
  }

  /** Destroys all buffers, also those that tensors hold. */
  destroy(): void {
    for (const gpu of this.all) gpu.destroy();
    this.all.clear();
    this.free.clear();
    this.bytes.live = 0;
  }
}
