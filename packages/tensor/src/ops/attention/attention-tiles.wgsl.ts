/**
 * How a workgroup divides the scores of one head: it has `rows` tokens and meets the tokens of the other side `columns` at a time.
 * An invocation has 4 rows and every `across`-th column; the vec4s of scores and weights are its 4 rows.
 */
export interface AttentionTile {
  readonly rows: number;
  readonly columns: number;
  readonly across: number;
  /** Features from which on it is worth it: each invocation across needs some of the result to compute. */
  readonly from: number;
}

/**
 * From the fastest to the one that takes least workgroup memory: the first that suits the heads and fits is used. Operands come a chunk of
 * features at a time, so that many workgroups share a core: on an H100 the backward of 16 × 128 tokens and 12 heads of 64 takes
 * 163 µs this way, and 293 µs where a workgroup keeps its rows. Two groups of 4 rows an invocation, 64 rows or columns and unrolled
 * loops gained nothing.
 */
export const ATTENTION_TILES = {
  dense: { rows: 32, columns: 32, across: 16, from: 33 },
  square: { rows: 32, columns: 32, across: 8, from: 0 },
  small: { rows: 16, columns: 16, across: 8, from: 0 },
} as const satisfies { readonly [name: string]: AttentionTile };

export type AttentionTileName = keyof typeof ATTENTION_TILES;

/** vec4s of a row that are multiplied at a time, at most. */
const DEPTH = 8;

/** vec4s that a row of so many features takes. */
export const vectorsOf = (width: number): number => Math.max(1, Math.ceil(width / 4));

/** vec4s from one row of a tile to the next: odd, so that neighbouring rows lie in different banks. */
const pitchOf = (vectors: number): number => vectors | 1;

/** Into how many equal chunks a row is cut, and their vec4s. */
const chunksOf = (width: number): { chunks: number; depth: number } => {
  const chunks = Math.ceil(vectorsOf(width) / DEPTH);
  return { chunks, depth: Math.ceil(vectorsOf(width) / chunks) };
};

/** Rows of invocations: each has 4 rows of scores, so many apart. */
export const downOf = ({ rows }: AttentionTile): number => rows / 4;

export const threadsOf = (tile: AttentionTile): number => downOf(tile) * tile.across;

/** Columns that an invocation has. */
export const mineOf = ({ columns, across }: AttentionTile): number => columns / across;

/** vec4s from one column of weights to the next: one more than the rows need, against bank conflicts. */
const weightPitch = (tile: AttentionTile): number => downOf(tile) + 1;

/** vec4s of workgroup memory for operands: a chunk of both sides, or at least one whole row, or what each invocation has found of its rows. */
const operandsOf = (tile: AttentionTile, widths: readonly number[]): number =>
  Math.max(
    (tile.rows + tile.columns) * pitchOf(DEPTH),
    tile.across * weightPitch(tile),
    ...widths.map((width) => pitchOf(vectorsOf(width))),
  );

/** vec4s of workgroup memory that `tileMemory` declares. */
export const memoryOf = (tile: AttentionTile, widths: readonly number[]): number =>
  operandsOf(tile, widths) + tile.columns * weightPitch(tile);

/** Declares `tiles`, where operands are brought, and `weights` [columns][rows / 4]. */
export const tileMemory = (tile: AttentionTile, widths: readonly number[]): string => /* wgsl */ `
var<workgroup> tiles: array<vec4<f32>, ${operandsOf(tile, widths)}>;
var<workgroup> weights: array<vec4<f32>, ${tile.columns * weightPitch(tile)}>;
/** 1 from the first row that is not finite on, of those that weights multiply. */
var<workgroup> wild: atomic<u32>;`;

/** A weight, or −0 where `hidden` holds: `addWeighted` leaves that out, whatever the row holds that it would multiply. */
export const unless = (hidden: string, weight: string): string =>
  `select(${weight}, vec4<f32>(fromBits(0x80000000u)), ${hidden})`;

/** Where column `column` of weights has my rows. */
export const weightAt = (tile: AttentionTile, column: string): string => `(${column}) * ${weightPitch(tile)}u + row`;

const PARTS = ["x", "y", "z", "w"] as const;

/** `<name>Row(at, d)`: features 4d … 4d + 3 of the row that starts `at` floats into a buffer; `vector`: d is one of its vec4s. */
export const rowReader = (name: string, width: number, vector: boolean): string =>
  vector
    ? /* wgsl */ `fn ${name}Row(at: u32, d: u32) -> vec4<f32> { return ${name}[(at >> 2u) + d]; }`
    : /* wgsl */ `
fn ${name}Row(at: u32, d: u32) -> vec4<f32> {
  var x = vec4<f32>();
  ${PARTS.map((part, i) => `if (4u * d + ${i}u < ${width}u) { x.${part} = ${name}[at + (4u * d + ${i}u) * w.${name}D]; }`).join("\n  ")}
  return x;
}`;

/** Tokens of a buffer: `first` and those after it, as far as there are `count`. */
export interface Tokens {
  readonly name: string;
  readonly first: string;
  readonly count: string;
}

/** Queries, or keys, of a buffer: `start` begins those that are the workgroup's rows, `first` those that are its columns now. */
export const ofQueries = (name: string, first: "start" | "first"): Tokens => ({ name, first, count: "w.queries" });
export const ofKeys = (name: string, first: "start" | "first"): Tokens => ({ name, first, count: "w.keys" });

/**
 * Statements that bring `depth` vec4s of rows, from vec4 `start` on, into `tiles`: `size` tokens of each operand, one operand after the
 * other; zeros beyond the tokens and the features. All loads are under way before the first is stored. `finds`: sets `wild` where
 * one is not finite.
 */
const load = (
  operands: readonly (Tokens & { readonly size: number })[],
  { depth, start, finds }: { readonly depth: number; readonly start: string | null; readonly finds: boolean },
  width: number,
  tile: AttentionTile,
): string => {
  const threads = threadsOf(tile);
  const vectors = vectorsOf(width);
  const pitch = pitchOf(depth);
  const fetches: string[] = [];
  const stores: string[] = [];
  let place = 0;
  for (const [o, { name, first, count, size }] of operands.entries()) {
    const total = size * depth;
    for (let i = 0; i * threads < total; i++) {
      const x = `${o}_${i}`;
      const whole = (i + 1) * threads <= total;
      fetches.push(
        `let i${x} = ${whole ? `lane + ${i * threads}u` : `min(lane + ${i * threads}u, ${total - 1}u)`};`,
        `let t${x} = ${first} + i${x} / ${depth}u;`,
        `let d${x} = i${x} % ${depth}u${start === null ? "" : ` + ${start}`};`,
        `let x${x} = ${name}Row(${name}Start + min(t${x}, ${count} - 1u) * w.${name}T, min(d${x}, ${vectors - 1}u));`,
      );
      const inside = [`t${x} < ${count}`, ...(vectors % depth === 0 ? [] : [`d${x} < ${vectors}u`])].join(" && ");
      if (finds)
        stores.push(
          `if (any((bitcast<vec4<u32>>(x${x}) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u))) { atomicStore(&wild, 1u); }`,
        );
      stores.push(
        `tiles[${place}u + (i${x} / ${depth}u) * ${pitch}u + i${x} % ${depth}u] = select(vec4<f32>(), x${x}, ${inside});`,
      );
    }
    place += size * pitch;
  }
  return `{\n      ${[...fetches, ...stores].join("\n      ")}\n    }`;
};

/**
 * Declares and computes `<out>[j]` = the products of my 4 rows of `a` with my j-th column, a row of `b`. `tiles` must be free, and is again
 * afterwards. The zeros are written out: in a loop, a variable that is only declared has been seen to keep what it had in
 * the round before.
 */
export const multiplyRows = (out: string, a: Tokens, b: Tokens, width: number, tile: AttentionTile): string => {
  const { rows, columns, across } = tile;
  const [down, mine] = [downOf(tile), mineOf(tile)];
  const { chunks, depth } = chunksOf(width);
  const pitch = pitchOf(depth);
  const sides = [
    { ...a, size: rows },
    { ...b, size: columns },
  ];
  return /* wgsl */ `var ${out} = array<vec4<f32>, ${mine}>();
    for (var vector = 0u; vector < ${chunks * depth}u; vector += ${depth}u) {
    ${load(sides, { depth, start: "vector", finds: false }, width, tile)}
    workgroupBarrier();
    for (var d = 0u; d < ${depth}u; d++) {
      let a = transpose(mat4x4<f32>(${[0, 1, 2, 3].map((i) => `tiles[(row + ${i * down}u) * ${pitch}u + d]`).join(", ")}));
      for (var j = 0u; j < ${mine}u; j++) {
        let b = tiles[${rows * pitch}u + (column + j * ${across}u) * ${pitch}u + d];
        ${PARTS.map((part, i) => `${out}[j] += a[${i}] * b.${part};`).join(" ")}
      }
    }
    workgroupBarrier();
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

/**
 * Adds to a result Σ over the columns of weights × the tokens of `b`, as many whole rows at a time as `tiles` has room for. It must be
 * free, and is again afterwards. Blocks past the width repeat the last.
 */
export const addWeighted = (out: string, b: Tokens, width: number, tile: AttentionTile): string => {
  const { columns, across } = tile;
  const vectors = vectorsOf(width);
  const pitch = pitchOf(vectors);
  const room = Math.floor(operandsOf(tile, [width]) / pitch);
  // A power of two, as `columns` is: no part is shorter.
  const together = Math.min(columns, 2 ** Math.floor(Math.log2(room)));
  const operand = { ...b, first: `${b.first} + part`, size: together };
  return /* wgsl */ `
    for (var part = 0u; part < ${columns}u; part += ${together}u) {
    ${load([operand], { depth: vectors, start: null, finds: true }, width, tile)}
    workgroupBarrier();
    if (atomicLoad(&wild) != 0u) {
    for (var t = 0u; t < ${together}u; t++) {
      let p = weights[${weightAt(tile, "part + t")}];
      let counts = bitcast<vec4<u32>>(p) != vec4<u32>(0x80000000u);
      for (var v = 0u; v < ${blocksOf(width, tile)}u; v++) {
        let x = tiles[t * ${pitch}u + min(column + v * ${across}u, ${vectors - 1}u)];
        for (var i = 0u; i < 4u; i++) { if (counts[i]) { ${out}Sum[v][i] += p[i] * x; } }
      }
    }
    } else {
    for (var t = 0u; t < ${together}u; t++) {
      let p = weights[${weightAt(tile, "part + t")}];
      for (var v = 0u; v < ${blocksOf(width, tile)}u; v++) {
        let x = tiles[t * ${pitch}u + min(column + v * ${across}u, ${vectors - 1}u)];
        for (var i = 0u; i < 4u; i++) { ${out}Sum[v][i] += p[i] * x; }
      }
    }
    }
    workgroupBarrier();
    }`;
};

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
