import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Slot, WebgpuStep } from "../../op.ts";
import { scratch } from "../../slots.ts";

/** Keys that are counted against each other; beyond them a radix sort is less work, though more dispatches. */
const MAX_COUNTED = 8192;
/** Entries that a workgroup ranks; and for each so many lanes, which share the keys that are at hand. */
const RANKED = 64;
const SHARERS = 4;
/** Keys of a tile of the radix sort, and values of a digit. */
const TILE = 256;
const DIGIT = 8;

/** Scratch memory of a launch, taken piece by piece. */
export class Scratch {
  readonly bytes: number[] = [];

  take(bytes: number): Slot {
    return scratch(this.bytes.push(bytes) - 1);
  }
}

interface Label {
  readonly label: string;
}

/**
 * sorted[rank of k] = entries[k], entries (key, position), where the rank is the number of smaller keys, and of equal ones before k:
 * stable, and whole numbers only. All keys come through workgroup memory, a vec4 a lane at once; of those, each of the four lanes of
 * an entry counts a quarter.
 */
const rankEntries = variants(({ label }: Label) =>
  kernel(
    {
      name: label,
      workgroup: RANKED * SHARERS,
      words: { count: "u32" },
      bind: { entries: read("vec2<u32>"), sorted: write("vec2<u32>") },
    },
    (k) => /* wgsl */ `
var<workgroup> keys: array<vec4<u32>, ${RANKED * SHARERS}>;
var<workgroup> ranks: array<u32, ${RANKED * SHARERS}>;

fn keyAt(k: u32) -> u32 { return select(0xffffffffu, entries[min(k, w.count - 1u)].x, k < w.count); }

${k.main} {
  let k = group.x * ${RANKED}u + lane % ${RANKED}u;
  let share = lane / ${RANKED}u * ${RANKED}u;
  let mine = entries[min(k, w.count - 1u)];
  var smaller = vec4<u32>();
  for (var first = 0u; first < w.count; first += ${4 * RANKED * SHARERS}u) {
    let own = first + 4u * lane;
    keys[lane] = vec4<u32>(keyAt(own), keyAt(own + 1u), keyAt(own + 2u), keyAt(own + 3u));
    workgroupBarrier();
    let end = min(share + ${RANKED}u, (w.count - first + 3u) / 4u);
    for (var i = share; i < end; i++) {
      // Keys before k count when they are equal, too. Those in the same four are looked at below.
      let limit = vec4<u32>(mine.x + u32(first + 4u * i + 3u < k));
      smaller += select(vec4<u32>(0u), vec4<u32>(1u), keys[i] < limit);
    }
    workgroupBarrier();
  }
  ranks[lane] = smaller.x + smaller.y + smaller.z + smaller.w;
  workgroupBarrier();
  if (lane < ${RANKED}u && k < w.count) {
    var rank = ranks[lane]${Array.from({ length: SHARERS - 1 }, (_, i) => ` + ranks[lane + ${(i + 1) * RANKED}u]`).join("")};
    for (var j = k & ~3u; j < k; j++) { rank += u32(keyAt(j) == mine.x); }
    sorted[rank] = mine;
  }
}`,
  ),
);

/** Digits of the entries of a tile, counted: counts[digit][tile]. A workgroup takes a tile, a lane an entry. */
const countDigits = variants(({ label }: Label) =>
  kernel(
    {
      name: label,
      workgroup: TILE,
      words: { count: "u32", shift: "u32", tiles: "u32" },
      bind: { entries: read("vec2<u32>"), counts: write("u32") },
    },
    (k) => /* wgsl */ `
var<workgroup> found: array<atomic<u32>, ${TILE}>;

${k.main} {
  let tile = ${k.group};
  let k = tile * ${TILE}u + lane;
  atomicStore(&found[lane], 0u);
  workgroupBarrier();
  if (k < w.count) { atomicAdd(&found[(entries[k].x >> w.shift) & ${TILE - 1}u], 1u); }
  workgroupBarrier();
  if (tile < w.tiles) { counts[lane * w.tiles + tile] = atomicLoad(&found[lane]); }
}`,
  ),
);

/** The sum of what the lanes before this one hold. All lanes call it together. */
const before = /* wgsl */ `
var<workgroup> sums: array<u32, ${TILE}>;
fn before(value: u32, lane: u32) -> u32 {
  var sum = value;
  for (var step = 1u; step < ${TILE}u; step *= 2u) {
    workgroupBarrier();
    sums[lane] = sum;
    workgroupBarrier();
    if (lane >= step) { sum += sums[lane - step]; }
  }
  return sum - value;
}`;

/** counts[digit][tile] = the entries of that digit in earlier tiles, totals[digit] = all of them. A workgroup takes a digit. */
const startTiles = variants(({ label }: Label) =>
  kernel(
    {
      name: label,
      workgroup: TILE,
      words: { tiles: "u32" },
      bind: { counts: write("u32"), totals: write("u32") },
    },
    (k) => /* wgsl */ `
${before}

${k.main} {
  let row = group.x * w.tiles;
  var carry = 0u;
  for (var first = 0u; first < w.tiles; first += ${TILE}u) {
    let tile = first + lane;
    var count = 0u;
    if (tile < w.tiles) { count = counts[row + tile]; }
    let start = carry + before(count, lane);
    if (tile < w.tiles) { counts[row + tile] = start; }
    workgroupBarrier();
    sums[lane] = start + count;
    workgroupBarrier();
    carry = sums[${TILE - 1}u];
  }
  if (lane == 0u) { totals[group.x] = carry; }
}`,
  ),
);

/** sorted[place] = entry, place = entries of smaller digits + of the same one in earlier tiles + earlier in this tile. */
const placeEntries = variants(({ label }: Label) =>
  kernel(
    {
      name: label,
      workgroup: TILE,
      words: { count: "u32", shift: "u32", tiles: "u32" },
      bind: { entries: read("vec2<u32>"), starts: read("u32"), totals: read("u32"), sorted: write("vec2<u32>") },
    },
    (k) => /* wgsl */ `
var<workgroup> digits: array<u32, ${TILE}>;
var<workgroup> digitStarts: array<u32, ${TILE}>;
${before}

${k.main} {
  let tile = ${k.group};
  let k = tile * ${TILE}u + lane;
  let entry = entries[min(k, w.count - 1u)];
  let digit = (entry.x >> w.shift) & ${TILE - 1}u;
  digits[lane] = digit;
  digitStarts[lane] = before(totals[lane], lane);
  workgroupBarrier();
  var place = digitStarts[digit];
  for (var j = 0u; j < lane; j++) { place += u32(digits[j] == digit); }
  if (k < w.count) { sorted[place + starts[digit * w.tiles + tile]] = entry; }
}`,
  ),
);

/** Entries (key, position) to sort. No key is above `most`. */
interface Entries {
  readonly label: string;
  readonly entries: Slot;
  readonly count: number;
  readonly max: number;
}

/** The steps that sort entries by key, equal keys in their order, and where they end up. */
export const sortEntries = (
  { label, entries, count, max }: Entries,
  memory: Scratch,
): { readonly steps: readonly WebgpuStep[]; readonly sorted: Slot } => {
  if (count === 1) return { steps: [], sorted: entries };
  const other = memory.take(count * 8);
  if (count <= MAX_COUNTED) {
    const rank = rankEntries({ label });
    const step = rank({ count, entries, sorted: other }, { workgroups: Math.ceil(count / RANKED) });
    return { steps: [step], sorted: other };
  }
  const tiles = Math.ceil(count / TILE);
  const [counts, totals] = [memory.take(TILE * tiles * 4), memory.take(TILE * 4)];
  const steps: WebgpuStep[] = [];
  let [from, to] = [entries, other];
  for (let shift = 0; shift < 32 && max >= 2 ** shift; shift += DIGIT) {
    const of = { count, shift, tiles, entries: from };
    steps.push(
      countDigits({ label })({ ...of, counts }, { workgroups: tiles }),
      startTiles({ label })({ tiles, counts, totals }, { workgroups: TILE }),
      placeEntries({ label })({ ...of, starts: counts, totals, sorted: to }, { workgroups: tiles }),
    );
    [from, to] = [to, from];
  }
  return { steps, sorted: from };
};
