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
  private readonly free = new Map<number, Staged[]>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  take(bytes: number): Staged {
    const capacity = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(bytes)));
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
    if (staged.capacity > LARGEST_KEPT) staged.gpu.destroy();
    else {
      const list = this.free.get(staged.capacity);
      if (list) list.push(staged);
      else this.free.set(staged.capacity, [staged]);
    }
    return copy;
  }
}
