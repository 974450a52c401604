import type { Backend, Buffer } from "./backend.ts";
import { bytesPerElement, type DType } from "./dtype.ts";
import { LifetimeError } from "./error.ts";
import { accountOf } from "./memory.ts";

/**
 * Device memory shared by a tensor and its views. Every handle holds one count, and so does a tape for what its rules
 * will read; at zero the memory goes back to the device's pool.
 */
export class Storage {
  readonly device: Backend;
  readonly dtype: DType;
  readonly length: number;
  /** Raised by every op that writes in place. */
  version = 0;
  private counts = 1;
  /** How many of the counts forbid writing: a tape will read the contents. */
  private holds = 0;
  private held: Buffer | null;

  /** `op`: what allocates it, for messages. */
  constructor(device: Backend, dtype: DType, length: number, op?: string) {
    this.device = device;
    this.dtype = dtype;
    this.length = length;
    this.held = device.alloc(dtype, length, op);
    const account = accountOf(device);
    account.storages++;
    account.bytes += this.bytes;
    account.peakBytes = Math.max(account.peakBytes, account.bytes);
  }

  get bytes(): number {
    return this.length * bytesPerElement[this.dtype];
  }

  get buffer(): Buffer {
    if (!this.held)
      throw new LifetimeError("storage: its memory was freed; keep() or return the tensor from its scope");
    return this.held;
  }

  retain(): this {
    this.counts++;
    return this;
  }

  release(): void {
    if (--this.counts > 0 || !this.held) return;
    const account = accountOf(this.device);
    account.storages--;
    account.bytes -= this.bytes;
    this.device.free(this.held);
    this.held = null;
  }

  /** Keeps the memory and what is in it, for a tape: until `letGo`, no op may write here. */
  hold(): this {
    this.holds++;
    return this.retain();
  }

  letGo(): void {
    this.holds--;
    this.release();
  }

  /** Called before an op writes in place. */
  mutate(op: string): void {
    if (this.holds > 0)
      throw new LifetimeError(
        `${op}: would overwrite a tensor that a live tape still reads in its backward pass; do it after the gradients are taken, or on a clone()`,
      );
    this.version++;
  }
}
