import type { KernelTime } from "../../backend.ts";

const MAX_PASSES = 2048;

/** Timestamps around every dispatch. */
export class Timestamps {
  private readonly device: GPUDevice;
  private readonly labels: string[] = [];
  private readonly queries: GPUQuerySet;

  constructor(device: GPUDevice) {
    this.device = device;
    this.queries = device.createQuerySet({ type: "timestamp", count: 2 * MAX_PASSES });
  }

  /** Where the next pass writes its times; nowhere once there are too many. */
  next(label: string): GPUComputePassTimestampWrites | undefined {
    if (this.labels.length >= MAX_PASSES) return undefined;
    const at = 2 * this.labels.push(label);
    return { querySet: this.queries, beginningOfPassWriteIndex: at - 2, endOfPassWriteIndex: at - 1 };
  }

  /** The times of all passes, in order. */
  async read(): Promise<readonly KernelTime[]> {
    const { device, labels } = this;
    const size = Math.max(16, labels.length * 16);
    const resolved = device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const mapped = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(this.queries, 0, 2 * labels.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
    device.queue.submit([encoder.finish()]);
    await mapped.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(mapped.getMappedRange().slice(0));
    for (const each of [resolved, mapped, this.queries]) each.destroy();
    return labels.map((label, i) => ({ label, seconds: Number(times[2 * i + 1]! - times[2 * i]!) * 1e-9 }));
  }
}
