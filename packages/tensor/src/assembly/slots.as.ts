/**
 * Scratch that the tasks of a step share: as many slots as threads can work at once, each with a flag that says whether it is lent. A task
 * takes the first free one and gives it back, so a thread works in the same few pages from task to task, and they stay in its cache.
 */

/** Bytes of the flags of so many slots: whole cache lines. */
// @ts-ignore: decorator
@inline export function flagBytes(slots: i32): usize {
  return (<usize>slots * 4 + 63) & ~63;
}

/** All slots free; a step before the one that takes them does it. */
export function freeSlots(flags: usize, slots: i32): void {
  memory.fill(flags, 0, flagBytes(slots));
}

/** A free slot. There is one, unless tasks trapped and kept theirs: then this one traps, too. */
export function takeSlot(flags: usize, slots: i32): i32 {
  for (let slot = 0; slot < slots; slot++) if (atomic.cmpxchg<i32>(flags + (<usize>slot << 2), 0, 1) == 0) return slot;
  return unreachable();
}

export function giveSlot(flags: usize, slot: i32): void {
  atomic.store<i32>(flags + (<usize>slot << 2), 0);
}
