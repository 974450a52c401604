import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Planner, WebgpuStep } from "../../op.ts";
import { numel } from "../../shape.ts";
import { input, output, scratch } from "../../slots.ts";
import type { ArgsortSignature } from "./sort.ts";

const WORKGROUP = 256;

/** Pairs (key, place) have an order without equal ones. */
const before = /* wgsl */ `
fn before(a: vec2<i32>, b: vec2<i32>) -> bool { return a.x < b.x || (a.x == b.x && a.y < b.y); }`;

/** What a step writes: pairs for the next one, or the places alone. */
const written = (last: boolean): "i32" | "vec2<i32>" => (last ? "i32" : "vec2<i32>");

/**
 * Sorts each tile of 256 elements of a row: a workgroup takes a tile, and an invocation one element, whose rank is the number of
 * those before it. Floats in the order of keys: sign and magnitude as two's complement, −0 as 0, and NaN last.
 */
const sortTiles = variants(({ floats, last }: { readonly floats: boolean; readonly last: boolean }) =>
  kernel(
    {
      name: "argsort",
      workgroup: WORKGROUP,
      words: { xStart: "u32", n: "u32", tiles: "u32", units: "u32", descending: "u32" },
      bind: { x: read("i32"), y: write(written(last)) },
    },
    (k) => /* wgsl */ `
var<workgroup> pairs: array<vec2<i32>, ${WORKGROUP}>;
${before}
fn keyOf(bits: i32) -> i32 {
  ${
    floats
      ? `let magnitude = bits & 0x7fffffff;
  return select(select(bits, -magnitude, bits < 0), 0x7fffffff, magnitude > 0x7f800000);`
      : "return bits;"
  }
}

${k.main} {
  let unit = ${k.group};
  let row = unit / w.tiles;
  let start = (unit % w.tiles) * ${WORKGROUP}u;
  let count = select(0u, min(${WORKGROUP}u, w.n - start), unit < w.units);
  let base = row * w.n + start;
  let mine = lane < count;
  var own = vec2<i32>();
  if (mine) {
    let key = keyOf(x[w.xStart + base + lane]);
    own = vec2<i32>(select(key, ~key, w.descending == 1u), i32(start + lane));
    pairs[lane] = own;
  }
  workgroupBarrier();
  if (mine) {
    var rank = 0u;
    for (var j = 0u; j < count; j++) { rank += u32(before(pairs[j], own)); }
    y[base + rank] = own${last ? ".y" : ""};
  }
}`,
  ),
);

/**
 * Merges sorted runs of `width` in twos. An invocation takes one element, which goes as far as it is in its own run, and as many
 * elements of the other run are before it: a binary search.
 */
const mergeRuns = variants(({ last }: { readonly last: boolean }) =>
  kernel(
    {
      name: "argsort",
      workgroup: WORKGROUP,
      words: { n: "u32", width: "u32", total: "u32" },
      bind: { x: read("vec2<i32>"), y: write(written(last)) },
    },
    (k) => /* wgsl */ `
${before}

${k.main} {
  let i = ${k.invocation};
  if (i >= w.total) { return; }
  let own = x[i];
  let row = i / w.n * w.n;
  let place = i - row;
  let run = place / w.width;
  let other = min((run ^ 1u) * w.width, w.n);
  let first = row + other;
  var low = first;
  var high = row + min(other + w.width, w.n);
  while (low < high) {
    let middle = (low + high) / 2u;
    if (before(x[middle], own)) { low = middle + 1u; } else { high = middle; }
  }
  let to = row + place % w.width + (run & ~1u) * w.width + (low - first);
  y[to] = own${last ? ".y" : ""};
}`,
  ),
);

/** Tiles by rank, then merges in passes: O(n · (256 + log² n)) for a row, with 16 bytes of scratch for each element of x when n > 256. */
export const argsortWgsl: Planner<ArgsortSignature, WebgpuStep> = {
  plan: ({ inputs: [x], attrs: { descending } }) => {
    const n = x.shape.at(-1)!;
    const total = numel(x.shape);
    const tiles = Math.ceil(n / WORKGROUP);
    const units = (total / n) * tiles;
    const floats = x.dtype === "float32";
    const given = { x: input(0), xStart: x.offset, n, tiles, units, descending: Number(descending) };
    if (tiles === 1)
      return { steps: [sortTiles({ floats, last: true })({ ...given, y: output(0) }, { workgroups: units })] };
    let [from, to] = [scratch(0), scratch(1)];
    const steps = [sortTiles({ floats, last: false })({ ...given, y: from }, { workgroups: units })];
    for (let width = WORKGROUP; width < n; width *= 2) {
      const last = 2 * width >= n;
      const words = { x: from, y: last ? output(0) : to, n, width, total };
      steps.push(mergeRuns({ last })(words, { workgroups: Math.ceil(total / WORKGROUP) }));
      [from, to] = [to, from];
    }
    return { steps, scratchBytes: [total * 8, total * 8] };
  },
};
