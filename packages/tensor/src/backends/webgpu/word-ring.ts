import type { WebgpuWord } from "../../op.ts";

const SLOTS = 2048;

/** What a word may refer to. */
export interface WordSource {
  readonly scalars: { readonly [name: string]: number };
}

/**
 * The words of all dispatches of a batch, in one uniform buffer that they reach by dynamic offset. It is written once for each batch,
 * and the queue keeps that in order, so every batch starts at its beginning.
 */
export class WordRing {
  readonly buffer: GPUBuffer;
  /** Bytes that a slot has, and the smallest that one can be bound with. */
  readonly alignment: number;
  private readonly device: GPUDevice;
  private readonly bytes: ArrayBuffer;
  private readonly unsigned: Uint32Array;
  private readonly floats: Float32Array;
  private used = 0;

  constructor(device: GPUDevice) {
    this.device = device;
    this.alignment = Math.max(device.limits.minUniformBufferOffsetAlignment, 256);
    const size = SLOTS * this.alignment;
    this.bytes = new ArrayBuffer(size);
    this.unsigned = new Uint32Array(this.bytes);
    this.floats = new Float32Array(this.bytes);
    this.buffer = device.createBuffer({
      label: "words",
      size,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** Bytes to bind for a number of words. */
  span(words: number): number {
    return Math.ceil((words * 4) / this.alignment) * this.alignment;
  }

  fits(words: number): boolean {
    return this.used + this.span(words) <= this.bytes.byteLength;
  }

  /** Puts words down and returns where they are. `fault` follows them when it is not null. */
  put(words: readonly WebgpuWord[], { scalars }: WordSource, fault: number | null): number {
    const start = this.used;
    let at = start / 4;
    for (const word of words) {
      if (typeof word === "number") this.unsigned[at] = word;
      else if ("f32" in word) this.floats[at] = word.f32;
      else if ("scalar" in word) this.floats[at] = scalars[word.scalar]!;
      else if ("low" in word) this.unsigned[at] = scalars[word.low]! % 2 ** 32;
      else this.unsigned[at] = Math.floor(scalars[word.high]! / 2 ** 32);
      at++;
    }
    if (fault !== null) this.unsigned[at++] = fault;
    this.used += this.span(at - start / 4);
    return start;
  }

  /** Hands what was put down to the queue and starts again. */
  flush(): void {
    if (this.used > 0) this.device.queue.writeBuffer(this.buffer, 0, this.bytes, 0, this.used);
    this.used = 0;
  }
}
