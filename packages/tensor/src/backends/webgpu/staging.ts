/** A buffer that the host reads from. */
export interface Staged {
  readonly gpu: GPUBuffer;
  readonly capacity: number;
}

const SMALLEST = 16384;
/** Larger ones are not kept. */
const LARGEST_KEPT = 2 ** 26;

/** Buffers for reading back, by powers of two. */
export class Staging {
  private readonly device: GPUDevice;
  /** Bytes of the largest one. */
  readonly maxBytes: number;
  private readonly free = new Map<number, Staged[]>();
  private closed = false;

  constructor(device: GPUDevice) {
    this.device = device;
    this.maxBytes = Math.floor(device.limits.maxBufferSize / 4) * 4;
  }

  /** For at most `most` bytes. */
  take(bytes: number): Staged {
    const capacity = Math.min(this.maxBytes, Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(bytes))));
    const found = this.free.get(capacity)?.pop();
    if (found) return found;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return { gpu: this.device.createBuffer({ label: "staging", size: capacity, usage }), capacity };
  }

  /** What was copied there, once the device has done it; the buffer may then be taken again. */
  async read(staged: Staged, bytes: number): Promise<ArrayBuffer> {
    await staged.gpu.mapAsync(GPUMapMode.READ, 0, bytes);
    const copy = staged.gpu.getMappedRange(0, bytes).slice(0);
    staged.gpu.unmap();
    if (staged.capacity > LARGEST_KEPT || this.closed) staged.gpu.destroy();
    else {
      const list = this.free.get(staged.capacity);
      if (list) list.push(staged);
      else this.free.set(staged.capacity, [staged]);
    }
    return copy;
  }

  /** Destroys idle buffers now, and the others as soon as they have been read. */
  destroy(): void {
    this.closed = true;
    for (const list of this.free.values()) for (const { gpu } of list) gpu.destroy();
    this.free.clear();
  }
}
