import { OutOfMemoryError } from "../../error.ts";

/** Every block starts and ends on a cache line, so vector loads may run past a tensor's end. */
const ALIGN = 64;

/**
 * Blocks of one linear address range, by size class: eight classes to a power of two, so at most one part in eight is
 * lost. Freed blocks are reused last in, first out: equal steps get equal addresses, still warm in the cache. When the range
 * is used up, neighbouring free blocks are joined before memory is called full.
 */
export class Allocator {
  private readonly end: number;
  private readonly grow: (end: number) => boolean;
  private top: number;
  private readonly free = new Map<number, number[]>();
  private used = 0;

  /** Serves addresses from `start` to `end`; `grow(n)` must make everything below `n` usable, or answer false. */
  constructor(start: number, end: number, grow: (end: number) => boolean) {
    this.top = Math.ceil(start / ALIGN) * ALIGN;
    this.end = end;
    this.grow = grow;
  }

  /** Bytes handed out now, rounded up to their classes. */
  get usedBytes(): number {
    return this.used;
  }

  /** The size that a request is rounded up to. */
  static sizeClass(bytes: number): number {
    const min = Math.max(Math.ceil(bytes / ALIGN) * ALIGN, ALIGN);
    // The next power of two, over 16; a request is below 4 GiB.
    const step = Math.max(2 ** (28 - Math.clz32(min - 1)), ALIGN);
    return Math.ceil(min / step) * step;
  }

  /** @throws OutOfMemoryError, with everything as it was. */
  alloc(bytes: number): number {
    const size = Allocator.sizeClass(bytes);
    const address = this.reuse(size) ?? this.extend(size) ?? this.split(size);
    if (address === undefined)
      throw new OutOfMemoryError(
        `cpu: no room for ${bytes} bytes, ${this.used} of ${this.end} are in use; free tensors, use a smaller batch, or checkpoint()`,
      );
    this.used += size;
    return address;
  }

  release(address: number, bytes: number): void {
    const size = Allocator.sizeClass(bytes);
    this.used -= size;
    this.put(address, size);
  }

  private reuse(size: number): number | undefined {
    return this.free.get(size)?.pop();
  }

  private put(address: number, size: number): void {
    const list = this.free.get(size);
    if (list) list.push(address);
    else this.free.set(size, [address]);
  }

  private extend(size: number): number | undefined {
    const address = this.top;
    if (address + size > this.end || !this.grow(address + size)) return undefined;
    this.top += size;
    return address;
  }

  /** Joins all free neighbours, then cuts the request from the smallest gap that holds it. */
  private split(size: number): number | undefined {
    const blocks = [...this.free].flatMap(([bytes, list]) => list.map((address) => ({ address, bytes })));
    blocks.sort((a, b) => a.address - b.address);
    const gaps: { address: number; bytes: number }[] = [];
    for (const block of blocks) {
      const last = gaps.at(-1);
      if (last && last.address + last.bytes === block.address) last.bytes += block.bytes;
      else gaps.push({ ...block });
    }
    this.free.clear();
    const best = gaps.filter((gap) => gap.bytes >= size).sort((a, b) => a.bytes - b.bytes)[0];
    for (const gap of gaps) {
      if (gap === best) this.putRange(gap.address + size, gap.bytes - size);
      else this.putRange(gap.address, gap.bytes);
    }
    return best?.address;
  }

  /** Files a range under size classes, largest first, so that each piece can be reused as it is. */
  private putRange(address: number, bytes: number): void {
    while (bytes >= ALIGN) {
      let size = Allocator.sizeClass(bytes);
      if (size > bytes) size = largestClassWithin(bytes);
      this.put(address, size);
      address += size;
      bytes -= size;
    }
  }
}

const largestClassWithin = (bytes: number): number => {
  const step = Math.max(2 ** Math.ceil(Math.log2(bytes)) / 16, ALIGN);
  return Math.floor(bytes / step) * step;
};
