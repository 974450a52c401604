/**
 * How a workgroup divides the scores of one head: it keeps `rows` tokens and meets the tokens of the other side `columns` at a time.
 * An invocation has 4 rows and every `across`-th column; the vec4s of scores and weights are its 4 rows.
 */
export interface AttentionTile {
  readonly rows: number;
  readonly columns: number;
  readonly across: number;
  /** Features from which on it is worth it: each invocation across needs some of the result to compute. */
  readonly from: number;
}

/** From the fastest to the one that takes least workgroup memory: the first that suits the heads and fits is used. */
export const ATTENTION_TILES = {
  dense: { rows: 32, columns: 32, across: 16, from: 64 },
  square: { rows: 32, columns: 32, across: 8, from: 0 },
  upright: { rows: 32, columns: 16, across: 8, from: 0 },
  flat: { rows: 16, columns: 32, across: 8, from: 0 },
  small: { rows: 16, columns: 16, across: 8, from: 0 },
  strip: { rows: 16, columns: 8, across: 8, from: 0 },
  narrow: { rows: 8, columns: 8, across: 8, from: 0 },
  slim: { rows: 8, columns: 4, across: 4, from: 0 },
  least: { rows: 4, columns: 4, across: 4, from: 0 },
} as const satisfies { readonly [name: string]: AttentionTile };

export type AttentionTileName = keyof typeof ATTENTION_TILES;

/** vec4s that a row of so many features takes. */
export const vectorsOf = (width: number): number => Math.max(1, Math.ceil(width / 4));

/** vec4s from one row of a tile to the next: odd, so that neighbouring rows lie in different banks. */
export const pitchOf = (width: number): number => vectorsOf(width) | 1;

/** Rows of invocations: each has 4 rows of scores, so many apart. */
export const downOf = ({ rows }: AttentionTile): number => rows / 4;

/** vec4s of a tile's weights, [columns][down], one more in each row against bank conflicts. */
export const weightsOf = (tile: AttentionTile): number => tile.columns * (downOf(tile) + 1);

/** A line of text for each of 0 … count − 1. */
export const each = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join("\n    ");

const PARTS = ["x", "y", "z", "w"] as const;

/** `<name>Row(at, d)`: features 4d … 4d + 3 of the row that starts `at` floats into a buffer; zeros past its width. */
export const rowReader = (name: string, width: number, vector: boolean): string =>
  vector
    ? /* wgsl */ `fn ${name}Row(at: u32, d: u32) -> vec4<f32> { return ${name}[(at >> 2u) + d]; }`
    : /* wgsl */ `
fn ${name}Row(at: u32, d: u32) -> vec4<f32> {
  var x = vec4<f32>();
  ${PARTS.map((part, i) => `if (4u * d + ${i}u < ${width}u) { x.${part} = ${name}[at + (4u * d + ${i}u) * w.${name}D]; }`).join("\n  ")}
  return x;
}`;

/** Statements that bring tokens first … first + tokens − 1 of an operand into a tile, zeros for those from `count` on. */
export const loadTile = (
  to: string,
  name: string,
  tokens: number,
  width: number,
  threads: number,
  first: string,
  count: string,
): string => {
  const vectors = vectorsOf(width);
  const total = tokens * vectors;
  // All loads of a batch are under way before the first is stored.
  const batch = Math.min(Math.ceil(total / threads), 8);
  const even = total % (threads * batch) === 0;
  const place = (i: number): string => (even ? `at + ${i * threads}u` : `min(at + ${i * threads}u, ${total - 1}u)`);
  return /* wgsl */ `for (var at = lane; at < ${total}u; at += ${threads * batch}u) {
    ${each(batch, (i) => `let i${i} = ${place(i)}; let t${i} = ${first} + i${i} / ${vectors}u; let x${i} = ${name}Row(${name}Start + min(t${i}, ${count} - 1u) * w.${name}T, i${i} % ${vectors}u);`)}
    ${each(batch, (i) => `${to}[(i${i} / ${vectors}u) * ${pitchOf(width)}u + i${i} % ${vectors}u] = select(vec4<f32>(), x${i}, t${i} < ${count});`)}
  }`;
};

/**
 * Declares and computes `<out>[j]` = the products of my 4 rows of tile `a` with my j-th column, a row of tile `b`. The zeros are
 * written out: in a loop, a variable that is only declared has been seen to keep what it had in the round before.
 */
export const multiplyRows = (out: string, a: string, b: string, width: number, tile: AttentionTile): string => {
  const [pitch, down, mine] = [pitchOf(width), downOf(tile), tile.columns / tile.across];
  return /* wgsl */ `var ${out} = array<vec4<f32>, ${mine}>();
    for (var d = 0u; d < ${vectorsOf(width)}u; d++) {
      let a0 = ${a}[row * ${pitch}u + d];
      let a1 = ${a}[(row + ${down}u) * ${pitch}u + d];
      let a2 = ${a}[(row + ${2 * down}u) * ${pitch}u + d];
      let a3 = ${a}[(row + ${3 * down}u) * ${pitch}u + d];
      let a = transpose(mat4x4<f32>(a0, a1, a2, a3));
      for (var j = 0u; j < ${mine}u; j++) {
        let b = ${b}[(column + j * ${tile.across}u) * ${pitch}u + d];
        ${out}[j] += a[0] * b.x;
        ${out}[j] += a[1] * b.y;
        ${out}[j] += a[2] * b.z;
        ${out}[j] += a[3] * b.w;
      }
    }`;
};

/** Blocks of 4 features of a result that one invocation has: every `across`-th. */
const blocksOf = (width: number, tile: AttentionTile): number => Math.ceil(vectorsOf(width) / tile.across);

/** Declares `<out>Sum[v][i]`: my i-th row of my v-th block of 4 features of a result. */
export const declareSums = (out: string, width: number, tile: AttentionTile): string =>
  `var ${out}Sum: array<array<vec4<f32>, 4>, ${blocksOf(width, tile)}>;`;

/** Multiplies each row of a result by its part of the vec4 `factor`. */
export const scaleSums = (out: string, factor: string, width: number, tile: AttentionTile): string => /* wgsl */ `
    for (var v = 0u; v < ${blocksOf(width, tile)}u; v++) { for (var i = 0u; i < 4u; i++) { ${out}Sum[v][i] *= ${factor}[i]; } }`;

/** Adds to a result Σ over the columns of weights × the rows of tile `b`. Blocks past its width repeat the last. */
export const addWeighted = (out: string, b: string, width: number, tile: AttentionTile): string => /* wgsl */ `
    for (var t = 0u; t < ${tile.columns}u; t++) {
      let p = weights[t * ${downOf(tile) + 1}u + row];
      for (var v = 0u; v < ${blocksOf(width, tile)}u; v++) {
        let x = ${b}[t * ${pitchOf(width)}u + min(column + v * ${tile.across}u, ${vectorsOf(width) - 1}u)];
        for (var i = 0u; i < 4u; i++) { ${out}Sum[v][i] += p[i] * x; }
      }
    }`;

/** Writes a result to the contiguous buffer [B, count, H, width] of the same name. */
export const storeSums = (out: string, width: number, count: string, tile: AttentionTile, vector: boolean): string => {
  const vectors = vectorsOf(width);
  return /* wgsl */ `
  for (var i = 0u; i < 4u; i++) {
    if (rows[i] >= ${count}) { continue; }
    let at = ((b * ${count} + rows[i]) * w.heads + h) * ${vector ? vectors : width}u;
    for (var v = 0u; v < ${blocksOf(width, tile)}u; v++) {
      let d = column + v * ${tile.across}u;
      ${
        vector
          ? `if (d < ${vectors}u) { ${out}[at + d] = ${out}Sum[v][i]; }`
          : `for (var c = 0u; c < 4u; c++) { if (4u * d + c < ${width}u) { ${out}[at + 4u * d + c] = ${out}Sum[v][i][c]; } }`
      }
    }
  }`;
};
