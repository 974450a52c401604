import type { Buffer } from "../../backend.ts";
import { OutOfMemoryError } from "../../error.ts";

/** A GPU buffer that a storage or a launch's scratch may hold, again and again. */
export interface DeviceBuffer extends Buffer {
  readonly gpu: GPUBuffer;
  /** Names it in the keys of bind groups. */
  readonly id: number;
  readonly capacity: number;
  /** The last batch of commands that uses it. */
  batch: number;
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
 * Buffers by capacity, last in first out: equal steps get equal buffers, and so equal bind groups. A buffer may be given out again at
 * once, since commands run in order; only destroying one has to wait for the batch that uses it.
 */
export class BufferPool {
  /** Bytes of all buffers that exist, and the most there have been. */
  readonly bytes = { live: 0, peak: 0 };
  private readonly device: GPUDevice;
  private readonly most: number;
  private readonly free = new Map<number, DeviceBuffer[]>();
  /** All that exist: whoever closes a device of somebody else's leaves nothing on it. */
  private readonly all = new Set<GPUBuffer>();

  constructor(device: GPUDevice) {
    this.device = device;
    // Whole vec4s.
    this.most = Math.floor(Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize) / 16) * 16;
  }

  /** @throws OutOfMemoryError when a buffer cannot be that large; that the device is full is known only later. */
  take(bytes: number): DeviceBuffer {
    if (bytes > this.most)
      throw new OutOfMemoryError(
        `webgpu: one tensor may have ${this.most} bytes on this device, got ${bytes}; split it, or use smaller batches`,
      );
    const capacity = Math.min(capacityOf(bytes), this.most);
    const found = this.free.get(capacity)?.pop();
    if (found) return found.bytes === bytes ? found : Object.assign(found, { bytes });
    this.bytes.live += capacity;
    this.bytes.peak = Math.max(this.bytes.peak, this.bytes.live);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const gpu = this.device.createBuffer({ size: capacity, usage });
    this.all.add(gpu);
    return { bytes, capacity, gpu, id: nextId++, batch: -1 };
  }

  give(buffer: DeviceBuffer): void {
    const list = this.free.get(buffer.capacity);
    if (list) list.push(buffer);
    else this.free.set(buffer.capacity, [buffer]);
  }

  /** Destroys all buffers that nobody holds. No batch may be open. Returns how many there were. */
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
