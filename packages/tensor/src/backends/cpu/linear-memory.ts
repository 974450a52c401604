import { DeviceError } from "../../error.ts";
import { Allocator } from "./allocator.ts";
import { ELSEWHERE } from "./wasm-build.ts";

const PAGE = 65536;

/**
 * Addresses of low memory. The backend uses the first 64 KiB; each module's static data follows in its slot.
 *
 * | bytes | use |
 * |---|---|
 * | 64 | fault: a flag and the offending value, both int32 |
 * | 128 – 895 | the thread pool's words, see pool-thread.ts |
 * | 896 – 1023 | zeros: sums of the wide build start there, see tiles.as.ts |
 * | 1024 – 65535 | words: lists of sizes and strides for the launch under way |
 * | 65536 – 131071 | tables of @tessera/tensor's kernels |
 * | 131072 – 196607 | tables of @tessera/sparse's kernels |
 * | 196608 – 1048575 | tables of other packages' kernels |
 */
export const WORDS = { start: 1024, end: PAGE };
const HEAP = 16 * PAGE;

/**
 * The one WebAssembly memory that all kernels share. It is reserved at its maximum and touched as it grows: growing gives
 * a new `buffer` object, so views are made when they are needed and never kept. The view of low memory is the exception: it is shared
 * and does not move.
 */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly heap: Allocator;
  /** The backend's own part, as int32s. */
  readonly low: Int32Array;

  constructor() {
    const { memory, pages } = reserve();
    this.memory = memory;
    this.low = new Int32Array(memory.buffer, 0, WORDS.end / 4);
    this.heap = new Allocator(HEAP, pages * PAGE, (end) => this.growTo(end));
  }

  private growTo(end: number): boolean {
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / PAGE);
    if (missing <= 0) return true;
    try {
      // A little more than asked, so that growth costs few calls.
      const spare = Math.min(256, 65536 - this.memory.buffer.byteLength / PAGE - missing);
      this.memory.grow(missing + Math.max(spare, 0));
    } catch {
      try {
        this.memory.grow(missing);
      } catch {
        return false;
      }
    }
    return true;
  }
}

/** 4 GiB of address space; less where the system does not give that much. */
const reserve = (): { memory: WebAssembly.Memory; pages: number } => {
  let refusal: unknown;
  for (let pages = 65536; pages >= 4096; pages /= 2) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 16, maximum: pages, shared: true }), pages };
    } catch (error) {
      // Try half.
      refusal = error;
    }
  }
  throw new DeviceError(
    `cpu: a shared WebAssembly memory could not be reserved (${(refusal as Error).message}); allow at least 256 MiB of address space, use an engine whose WebAssembly memories can be shared (its threads proposal), ${ELSEWHERE}`,
    { cause: refusal },
  );
};
