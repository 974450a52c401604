import { when, type KernelText, type WordGroup } from "../../backends/webgpu/kernel.ts";
import type { DeviceProfile } from "../../device-profile.ts";
import { DeviceError } from "../../error.ts";
import type { Layout } from "../../shape.ts";
import { DROPOUT_WORDS, drawnOf } from "./attention-dropout.wgsl.ts";
import {
  ATTENTION_TILES,
  downOf,
  memoryOf,
  threadsOf,
  type AttentionTile,
  type AttentionTileName,
} from "./attention-tiles.wgsl.ts";

/** e^x is taken as 2^(x log₂ e). */
export const LOG2_E = "1.44269504";

/**
 * `keys`: bool, the same for all queries. `tokens`: the same, and what is no key is no query either. `bool`: true = attend. `float`:
 * added to the scores.
 */
export type MaskKind = "none" | "keys" | "tokens" | "bool" | "float";

const isOfKeys = (mask: MaskKind): boolean => mask === "keys" || mask === "tokens";

/** Where each operand [B, T, H, D] starts, and its strides. */
export const viewWords = <const Operands extends string>(
  names: readonly Operands[],
): WordGroup<{ readonly [O in Operands]: Pick<Layout, "offset" | "strides"> }> => ({
  members: () =>
    names.flatMap((name) => ["Offset", "B", "T", "H", "D"].map((part) => [`${name}${part}`, "u32"] as const)),
  words: (layouts) => names.flatMap((name) => [layouts[name].offset, ...layouts[name].strides]),
});

/** The words of every kernel that goes through scores. `drops`: whether weights are dropped; see attention-dropout.wgsl.ts. */
export const scoreWords = <const Operands extends string>(operands: readonly Operands[], drops: boolean) =>
  ({
    heads: "u32",
    queries: "u32",
    keys: "u32",
    tiles: "u32",
    groups: "u32",
    scale: "f32",
    operands: viewWords(operands),
    maskOffset: "u32",
    maskB: "u32",
    maskH: "u32",
    maskRow: "u32",
    maskColumn: "u32",
    dropout: when(drops, DROPOUT_WORDS),
  }) as const;

/** What the elements of operands are read as. */
export const elementOf = (vector: boolean): string => (vector ? "vec4<f32>" : "f32");

/** What those of a mask are. */
export const maskElement = (mask: MaskKind): string => (mask === "float" ? "f32" : "u32");

/** The entry point's first lines: which tokens of which head, and my 4 rows and first column. `order`: the tile of group g. */
export const entry = (
  k: KernelText,
  tile: AttentionTile,
  operands: readonly string[],
  mask: MaskKind,
  order: string,
): string => /* wgsl */ `
${k.main} {
  let g = ${k.group};
  if (g >= w.groups) { return; }
  let start = (${order}) * ${tile.rows}u;
  let b = (g / w.tiles) / w.heads;
  let h = (g / w.tiles) % w.heads;
  let row = lane / ${tile.across}u;
  let column = lane % ${tile.across}u;
  let rows = start + row + vec4<u32>(0u, ${downOf(tile)}u, ${2 * downOf(tile)}u, ${3 * downOf(tile)}u);
  ${operands.map((name) => `let ${name}Start = w.${name}Offset + b * w.${name}B + h * w.${name}H;`).join("\n  ")}
  ${mask === "none" ? "" : "let maskStart = w.maskOffset + b * w.maskB + h * w.maskH;"}
  let never = vec4<f32>(-infinity());`;

/** Scales and masks the j-th column of scores `s`, of queries (rows) and keys (columns) or the other way round. */
export const maskColumn = (
  tile: AttentionTile,
  rowsAre: "queries" | "keys",
  mask: MaskKind,
  causal: boolean,
): string => {
  const columns = rowsAre === "queries" ? "keys" : "queries";
  const inside = [
    `vec4<bool>(t < w.${columns})`,
    ...(causal ? [rowsAre === "queries" ? "(vec4<u32>(t) <= rows)" : "(rows <= vec4<u32>(t))"] : []),
    ...(mask === "tokens" || (mask === "keys" && rowsAre === "keys") ? ["attend"] : []),
    ...(mask === "tokens" || (mask === "keys" && rowsAre === "queries")
      ? [`vec4<bool>(mask[maskStart + known * ${strideOfTokens(rowsAre)}] != 0u)`]
      : []),
    ...(mask === "bool" ? ["(m != vec4<u32>())"] : []),
    ...(mask === "float" ? ["(bitcast<vec4<u32>>(m) != vec4<u32>(0xff800000u))"] : []),
  ].join(" & ");
  const perPair = mask === "bool" || mask === "float";
  return /* wgsl */ `let t = first + column + j * ${tile.across}u;
      let known = min(t, w.${columns} - 1u);
      ${perPair ? `let at = maskRows + known * w.maskColumn; let m = vec4<${mask === "bool" ? "u32" : "f32"}>(mask[at.x], mask[at.y], mask[at.z], mask[at.w]);` : ""}
      s[j] = select(never, s[j] * w.scale${mask === "float" ? " + m" : ""}, ${inside});`;
};

/** The stride of the keys in a mask that is alike for all queries. */
const strideOfTokens = (rowsAre: "queries" | "keys"): string => (rowsAre === "keys" ? "w.maskRow" : "w.maskColumn");

/** Sets `attend`, whether each of my rows is a token, by a mask of keys. */
const attendOf = (rowsAre: "queries" | "keys"): string => /* wgsl */ `
  let maskAt = maskStart + min(rows, vec4<u32>(w.keys - 1u)) * ${strideOfTokens(rowsAre)};
  let attend = vec4<u32>(mask[maskAt.x], mask[maskAt.y], mask[maskAt.z], mask[maskAt.w]) != vec4<u32>();`;

/** Where my rows' masks start, for masks of pairs. */
export const maskRows = (mask: MaskKind, count: string): string =>
  mask === "bool" || mask === "float"
    ? `let maskRows = maskStart + min(rows, vec4<u32>(w.${count} - 1u)) * w.maskRow;`
    : "";

/** Sets `end` to the most that `found` gives to `atomicMax(&reached, …)` in any invocation; to 0 unless some row attends. */
const endOf = (
  found: string,
  attending: boolean,
): string => /* wgsl */ `if (lane == 0u) { atomicStore(&reached, 0u); atomicStore(&met, 0u); }
  workgroupBarrier();
  ${found}
  if (${attending ? "any(attend)" : "true"}) { atomicMax(&met, 1u); }
  workgroupBarrier();
  if (lane == 0u) { reach = atomicLoad(&reached) * atomicLoad(&met); }
  let end = workgroupUniformLoad(&reach);`;

/** Marks the last token below `count` that a mask of keys shows. */
const lastToken = (tile: AttentionTile, rowsAre: "queries" | "keys", count: string): string => /* wgsl */ `
  for (var t = lane; t < ${count}; t += ${threadsOf(tile)}u) {
    if (mask[maskStart + t * ${strideOfTokens(rowsAre)}] != 0u) { atomicMax(&reached, t + 1u); }
  }`;

/** Sets `end`, how many keys the queries of this workgroup can reach: not the later ones, nor padding at the end. */
export const keyEnd = (tile: AttentionTile, mask: MaskKind, causal: boolean): string => {
  const all = causal ? `min(w.keys, start + ${tile.rows}u)` : "w.keys";
  if (!isOfKeys(mask)) return `let end = ${all};`;
  const skips = mask === "tokens";
  return `${skips ? attendOf("queries") : ""}\n  ${endOf(lastToken(tile, "queries", all), skips)}`;
};

/** The same for a workgroup's keys and all queries: none where no query sees the keys. */
export const queryEnd = (tile: AttentionTile, mask: MaskKind): string => {
  if (!isOfKeys(mask)) return "let end = w.queries;";
  const found = mask === "tokens" ? lastToken(tile, "keys", "w.queries") : "atomicMax(&reached, w.queries);";
  return `${attendOf("keys")}\n  ${endOf(found, true)}`;
};

export const reachMemory = (mask: MaskKind): string =>
  isOfKeys(mask)
    ? "var<workgroup> reached: atomic<u32>;\nvar<workgroup> met: atomic<u32>;\nvar<workgroup> reach: u32;"
    : "";

/**
 * The tile for heads of so many features. `drops`: whether it draws which weights to drop.
 *
 * @throws DeviceError when not even a row of the heads fits into workgroup memory.
 */
export const tileFor = (
  widths: readonly [number, number],
  drops: boolean,
  { limits }: Pick<DeviceProfile, "limits">,
): AttentionTileName => {
  const room = limits.maxComputeWorkgroupStorageSize;
  for (const [name, tile] of Object.entries(ATTENTION_TILES) as [AttentionTileName, AttentionTile][]) {
    const vectors = memoryOf(tile, widths) + (drops ? Math.ceil(drawnOf(tile) / 4) : 0);
    // The last 16: how far the keys reach.
    if (Math.min(...widths) >= tile.from && vectors * 16 + 16 <= room) return name;
  }
  throw new DeviceError(
    `attention: heads of ${widths.join(" and ")} features do not fit into ${room} bytes of workgroup memory on webgpu; use more heads, or another device`,
  );
};
