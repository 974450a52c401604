import type { WordGroup } from "../../backends/webgpu/kernel.ts";
import { DRAW, DRAW_WORDS, philox } from "../../backends/webgpu/philox.wgsl.ts";
import { keepRule } from "../../philox.ts";
import { downOf, threadsOf, type AttentionTile } from "./attention-tiles.wgsl.ts";

/** The words that dropout reads. A call gives the probability. */
export const DROPOUT_WORDS: WordGroup<number> = {
  members: () => [...Object.entries(DRAW_WORDS), ["dropBelow", "u32"], ["keepScale", "f32"]],
  words: (dropoutP) => {
    const { below, scale } = keepRule(dropoutP);
    return [...Object.values(DRAW), below, { f32: scale }];
  },
};

/** Words of workgroup memory for a tile's draws: one for each query and four keys. */
export const drawnOf = ({ rows, columns }: AttentionTile): number => (rows * columns) / 4;

type RowsAre = "queries" | "keys";

/**
 * `keepOf(row, j)`: what dropout multiplies weights by, 0 or 1/(1 − p), those of my 4 rows and column `j` of the tile. Query t and
 * key k of a head have the upper 24 bits of word k mod 4 of Philox's block ((b · H + h) · Tq + t) · ⌈Tk / 4⌉ + ⌊k / 4⌋, as
 * everywhere. A block is drawn once and shared: the four words of one are a query and four keys, which no invocation has alone. A
 * tile's blocks are kept as four bits each, [queries][keys / 4], one `across`-th of a column for each invocation.
 */
export const dropFunctions = (tile: AttentionTile, rowsAre: RowsAre): string => {
  const { rows, columns } = tile;
  const down = downOf(tile);
  const keyBlocks = (rowsAre === "queries" ? columns : rows) / 4;
  const mine = [0, 1, 2, 3].map((i) => `row + ${i * down}u`);
  return /* wgsl */ `
var<workgroup> drawn: array<u32, ${drawnOf(tile)}>;
${philox}
fn keepOf(row: u32, j: u32) -> vec4<f32> {
  ${
    rowsAre === "queries"
      ? /* wgsl */ `let bits = vec4<u32>(${mine.map((at) => `drawn[(${at}) * ${keyBlocks}u + j / 4u]`).join(", ")}) >> vec4<u32>(j % 4u);`
      : /* wgsl */ `let bits = vec4<u32>(${mine.map((at) => `drawn[j * ${keyBlocks}u + (${at}) / 4u]`).join(", ")}) >> (vec4<u32>(${mine.join(", ")}) % vec4<u32>(4u));`
  }
  return select(vec4<f32>(), vec4<f32>(w.keepScale), (bits & vec4<u32>(1u)) != vec4<u32>());
}`;
};

/** The factors of my rows' weights in my j-th column; nothing without dropout. */
export const keepText = (tile: AttentionTile, drops: boolean): string =>
  drops ? ` * keepOf(row, column + j * ${tile.across}u)` : "";

/** Draws for a tile of tokens from `start` (rows) and from `first` (columns) on; a barrier must follow. */
export const drawTile = (tile: AttentionTile, rowsAre: RowsAre): string => {
  const { rows, columns } = tile;
  const [queries, keys] = rowsAre === "queries" ? (["start", "first"] as const) : (["first", "start"] as const);
  const keyBlocks = (rowsAre === "queries" ? columns : rows) / 4;
  return /* wgsl */ `for (var at = lane; at < ${drawnOf(tile)}u; at += ${threadsOf(tile)}u) {
      let token = (b * w.heads + h) * w.queries + ${queries} + at / ${keyBlocks}u;
      let block = token * ((w.keys + 3u) / 4u) + ${keys} / 4u + at % ${keyBlocks}u;
      let bits = select(vec4<u32>(), vec4<u32>(1u, 2u, 4u, 8u), (philox(block) >> vec4<u32>(8u)) >= vec4<u32>(w.dropBelow));
      drawn[at] = bits.x | bits.y | bits.z | bits.w;
    }`;
};
