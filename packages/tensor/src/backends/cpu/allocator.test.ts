import { describe, expect, it } from "vitest";
import { OutOfMemoryError } from "../../error.ts";
import { Allocator } from "./allocator.ts";

const make = (end: number) => new Allocator(0, end, () => true);

describe("Allocator", () => {
  it("loses at most one part in eight to rounding", () => {
    for (let bytes = 1024; bytes < 1 << 20; bytes += 997) {
      const size = Allocator.sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size).toBeLessThanOrEqual(Math.max(bytes * 1.125, bytes + 64));
      expect(size % 64).toBe(0);
      expect(Allocator.sizeClass(size)).toBe(size);
    }
  });

  it("reuses the block that was freed last", () => {
    const heap = make(1 << 20);
    const a = heap.alloc(1000);
    const b = heap.alloc(1000);
    heap.release(a, 1000);
    heap.release(b, 1000);
    expect(heap.alloc(1000)).toBe(b);
    expect(heap.alloc(1000)).toBe(a);
  });

  it("joins free neighbours before it gives up", () => {
    const heap = make(64 * 64);
    const blocks = Array.from({ length: 64 }, () => heap.alloc(64));
    for (const block of blocks) heap.release(block, 64);
    const whole = heap.alloc(64 * 64);
    expect(whole).toBe(0);
    expect(heap.usedBytes).toBe(64 * 64);
  });

  it("keeps live blocks apart through a long random run", () => {
    const heap = make(1 << 18);
    const live = new Map<number, number>();
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (let step = 0; step < 1500; step++) {
      if (random() < 0.55) {
        const bytes = Math.ceil(random() * 8000);
        try {
          live.set(heap.alloc(bytes), bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(OutOfMemoryError);
        }
      } else {
        const address = [...live.keys()][Math.floor(random() * live.size)];
        if (address === undefined) continue;
        heap.release(address, live.get(address)!);
        live.delete(address);
      }
      const sorted = [...live].sort(([a], [b]) => a - b);
      for (const [i, [address, bytes]] of sorted.entries()) {
        expect(address + bytes).toBeLessThanOrEqual(sorted[i + 1]?.[0] ?? 1 << 18);
      }
    }
  });

  it("says what is in use when memory is full, and changes nothing", () => {
    const heap = make(4096);
    heap.alloc(4096);
    expect(() => heap.alloc(64)).toThrow(/cpu: no room for 64 bytes, 4096 of 4096 are in use; free tensors/);
    expect(heap.usedBytes).toBe(4096);
  });
});
