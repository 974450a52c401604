import type { PairTable } from "./pair-table.ts";

/** The merges of a model: the rank of a pair (lower is earlier), and the id that each rank makes. */
export interface MergeTable {
  readonly ranks: PairTable;
  readonly results: Int32Array;
}

/** Up to here a scan for the lowest rank is faster than a heap; beyond, its square would show. */
const SCAN_LIMIT = 64;
const RANK_UNIT = 2 ** 32;

/**
 * Merges `symbols[0, count)` in place and gives the new count: again and again the pair of lowest rank, the leftmost of
 * equals, until no pair has a rank. `O(n log n)` for a word of n bytes. Where `lengths` are given, a merge adds up those of its two.
 *
 * Source: Sennrich et al. 2016, <https://arxiv.org/abs/1508.07909>.
 */
export const mergeSymbols = (
  symbols: Int32Array,
  count: number,
  merges: MergeTable,
  lengths: Int32Array = new Int32Array(count),
): number => {
  if (count < 2) return count;
  return count <= SCAN_LIMIT
    ? mergeByScan(symbols, count, merges, lengths)
    : mergeByHeap(symbols, count, merges, { lengths, drops: () => false });
};

/**
 * {@link mergeSymbols} where each merge is passed over with probability `rate`, as BPE-dropout does; one that was passed over
 * has another chance after the next that was not.
 *
 * Source: Provilkov et al. 2020, <https://arxiv.org/abs/1910.13267>; the order of Hugging Face's tokenizers.
 */
export const mergeSymbolsWithDropout = (
  symbols: Int32Array,
  count: number,
  merges: MergeTable,
  { lengths, drops }: MergeOptions,
): number => (count < 2 ? count : mergeByHeap(symbols, count, merges, { lengths, drops }));

export interface MergeOptions {
  /** What each symbol stands for, in bytes; merged with the symbols. */
  readonly lengths: Int32Array;
  /** Whether the next merge is passed over. */
  readonly drops: () => boolean;
}

const pairRanks = new Int32Array(SCAN_LIMIT);

const mergeByScan = (
  symbols: Int32Array,
  count: number,
  { ranks, results }: MergeTable,
  lengths: Int32Array,
): number => {
  // pairRanks[i] is the rank of (symbols[i], symbols[i + 1]), −1 if it never merges.
  for (let i = 0; i + 1 < count; i++) pairRanks[i] = ranks.get(symbols[i]!, symbols[i + 1]!);
  for (;;) {
    let best = -1;
    let at = -1;
    for (let i = 0; i + 1 < count; i++) {
      const rank = pairRanks[i]!;
      if (rank >= 0 && (best < 0 || rank < best)) {
        best = rank;
        at = i;
      }
    }
    if (at < 0) return count;
    symbols[at] = results[best]!;
    lengths[at]! += lengths[at + 1]!;
    count--;
    for (let i = at + 1; i < count; i++) {
      symbols[i] = symbols[i + 1]!;
      lengths[i] = lengths[i + 1]!;
      pairRanks[i] = pairRanks[i + 1]!;
    }
    if (at + 1 < count) pairRanks[at] = ranks.get(symbols[at]!, symbols[at + 1]!);
    if (at > 0) pairRanks[at - 1] = ranks.get(symbols[at - 1]!, symbols[at]!);
  }
};

/**
 * A heap of `rank · 2³² + position` over a linked list. An entry whose pair has changed since is dropped when it
 * comes up: the pair that stands there now has an entry of its own.
 */
const mergeByHeap = (
  symbols: Int32Array,
  count: number,
  { ranks, results }: MergeTable,
  { lengths, drops }: MergeOptions,
): number => {
  const next = new Int32Array(count);
  const previous = new Int32Array(count);
  const heap: number[] = [];
  const passedOver: number[] = [];
  const offer = (at: number, rank: number): void => {
    if (rank >= 0) pushKey(heap, rank * RANK_UNIT + at);
  };
  for (let i = 0; i < count; i++) {
    next[i] = i + 1 < count ? i + 1 : -1;
    previous[i] = i - 1;
    if (i + 1 < count) offer(i, ranks.get(symbols[i]!, symbols[i + 1]!));
  }
  while (heap.length > 0) {
    const key = popKey(heap);
    if (drops()) {
      passedOver.push(key);
      continue;
    }
    for (const other of passedOver) pushKey(heap, other);
    passedOver.length = 0;
    const at = key % RANK_UNIT;
    const rank = (key - at) / RANK_UNIT;
    const right = next[at]!;
    if (symbols[at]! < 0 || right < 0 || ranks.get(symbols[at]!, symbols[right]!) !== rank) continue;
    symbols[at] = results[rank]!;
    symbols[right] = -1;
    lengths[at]! += lengths[right]!;
    const after = next[right]!;
    next[at] = after;
    if (after >= 0) {
      previous[after] = at;
      offer(at, ranks.get(symbols[at], symbols[after]!));
    }
    const before = previous[at]!;
    if (before >= 0) offer(before, ranks.get(symbols[before]!, symbols[at]));
  }
  let kept = 0;
  for (let at = 0; at >= 0; at = next[at]!) {
    lengths[kept] = lengths[at]!;
    symbols[kept++] = symbols[at]!;
  }
  return kept;
};

const pushKey = (heap: number[], key: number): void => {
  let at = heap.length;
  heap.push(key);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]! <= key) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = key;
};

const popKey = (heap: number[]): number => {
  const top = heap[0]!;
  const key = heap.pop()!;
  const size = heap.length;
  if (size === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= key) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = key;
  return top;
};
