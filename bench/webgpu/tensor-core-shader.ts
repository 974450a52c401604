/** Matrices that one instruction multiplies: 16×16 each, float16 operands and float32 sums. */
const FRAGMENT = 16;
/** Halves that a row of a tile is longer than it need be, so that neighbouring rows lie in different banks. */
const PAD = 8;
const SUBGROUP = 32;

/** What a workgroup computes: bm × bn elements, bk of the sum at a time, by sm × sn subgroups. */
export interface TensorCoreTile {
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly sm: number;
  readonly sn: number;
}

/**
 * `dense`: y = x Wᵀ. `rows`: the same with the stored blocks of W alone, a line of blocks of one output row each workgroup. `columns`:
 * dx = dy W, a line of blocks of one input column.
 */
export type TensorCoreProduct = "dense" | "rows" | "columns";

export interface TensorCoreSizes {
  readonly tokens: number;
  /** Of x, or of dy: what is summed over. */
  readonly depth: number;
  readonly outputs: number;
  readonly blockSize: number;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Statements that bring `rows` rows of `columns` elements into a tile as halves, four at a time. `at(row, column)`: where four lie. */
const bring = (
  tile: string,
  source: string,
  [rows, columns]: readonly [number, number],
  threads: number,
  at: (row: string, column: string) => string,
): { readonly fetch: string; readonly store: string } => {
  const across = columns / 4;
  const parts = range(Math.ceil((rows * across) / threads));
  const inside = (i: number): string =>
    (i + 1) * threads <= rows * across ? "" : `if (lane + ${i * threads}u < ${rows * across}u) `;
  const row = (i: number): string => `(lane + ${i * threads}u) / ${across}u`;
  const column = (i: number): string => `(lane + ${i * threads}u) % ${across}u * 4u`;
  return {
    fetch: parts
      .map((i) => {
        const value = `vec4<f16>(${source}[(${at(row(i), column(i))}) / 4u])`;
        return `var ${tile}${i} = vec4<f16>(); ${inside(i)}{ ${tile}${i} = ${value}; }`;
      })
      .join("\n    "),
    // A matrix is loaded from arrays of scalars only.
    store: parts
      .map((i) => {
        const to = `${row(i)} * ${columns + PAD}u + ${column(i)}`;
        return `${inside(i)}{ let o = ${to}; ${["x", "y", "z", "w"].map((part, p) => `${tile}[o + ${p}u] = ${tile}${i}.${part};`).join(" ")} }`;
      })
      .join("\n    "),
  };
};

/**
 * A product by `chromium-experimental-subgroup-matrix`: operands are rounded to float16 on their way into workgroup memory, unless they are
 * stored so (`half`); sums are float32. All sizes are multiples of the tile's. Bindings: x, the weight's values, the result and, of a
 * sparse product, its index: where each line of blocks ends, then for each block of the lines the other side's number and its own.
 */
export const tensorCoreShader = (
  product: TensorCoreProduct,
  { bm, bn, bk, sm, sn }: TensorCoreTile,
  { tokens, depth, outputs, blockSize: b }: TensorCoreSizes,
  half: boolean,
): string => {
  const threads = SUBGROUP * sm * sn;
  const [down, across] = [bm / sm / FRAGMENT, bn / sn / FRAGMENT];
  const type = half ? "vec4<f16>" : "vec4<f32>";
  const sparse = product !== "dense";
  // A tile of the weight lies as its values do: a row for each output, or for each element of the sum.
  const byDepth = product === "columns";
  const weightShape = byDepth ? ([bk, bn] as const) : ([bn, bk] as const);
  const x = bring("xTile", "x", [bm, bk], threads, (row, column) => `(token + ${row}) * ${depth}u + k + ${column}`);
  const weight = bring("wTile", "values", weightShape, threads, (row, column) =>
    !sparse
      ? `(output + ${row}) * ${depth}u + k + ${column}`
      : byDepth
        ? `first + (step + ${row}) * ${b}u + ${column}`
        : `first + (${row}) * ${b}u + step + ${column}`,
  );
  const pitch = (columns: number): string => `${columns + PAD}u`;
  const left = (i: number, k: number): string =>
    `subgroupMatrixLoad<subgroup_matrix_left<f16, ${FRAGMENT}, ${FRAGMENT}>, row_major>(&xTile, (mineX * ${bm / sm}u + ${i * FRAGMENT}u) * ${pitch(bk)} + ${k}u, ${pitch(bk)})`;
  const right = (j: number, k: number): string => {
    const column = `(mineY * ${bn / sn}u + ${j * FRAGMENT}u)`;
    const from = byDepth ? `${k}u * ${pitch(bn)} + ${column}` : `${column} * ${pitch(bk)} + ${k}u`;
    return `subgroupMatrixLoad<subgroup_matrix_right<f16, ${FRAGMENT}, ${FRAGMENT}>, ${byDepth ? "row_major" : "col_major"}>(&wTile, ${from}, ${pitch(weightShape[1])})`;
  };
  const multiply = range(bk / FRAGMENT)
    .map((k) => {
      const lefts = range(down).map((i) => `let a${i} = ${left(i, k * FRAGMENT)};`);
      const columns = range(across).map(
        (j) =>
          `{ let b = ${right(j, k * FRAGMENT)}; ${range(down)
            .map((i) => `c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b, c${i}_${j});`)
            .join(" ")} }`,
      );
      return `{ ${[...lefts, ...columns].join("\n      ")} }`;
    })
    .join("\n    ");
  const step = `${x.fetch}
    ${weight.fetch}
    ${x.store}
    ${weight.store}
    workgroupBarrier();
    ${multiply}
    workgroupBarrier();`;
  const walk = sparse
    ? `let begin = select(index[max(line, 1u) - 1u], 0u, line == 0u);
  for (var at = begin; at < index[line]; at++) {
    let other = index[${outputs / b}u + 2u * at];
    let first = index[${outputs / b}u + 2u * at + 1u] * ${b * b}u;
    for (var step = 0u; step < ${b}u; step += ${bk}u) {
    let k = other * ${b}u + step;
    ${step}
    }
  }`
    : `for (var k = 0u; k < ${depth}u; k += ${bk}u) {
    ${step}
  }`;
  const each = (text: (i: number, j: number) => string): string =>
    range(down)
      .flatMap((i) => range(across).map((j) => text(i, j)))
      .join("\n  ");
  return /* wgsl */ `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read> values: array<${type}>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
${sparse ? "@group(0) @binding(3) var<storage, read> index: array<u32>;" : ""}
var<workgroup> xTile: array<f16, ${bm * (bk + PAD)}>;
var<workgroup> wTile: array<f16, ${weightShape[0] * (weightShape[1] + PAD)}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let token = group.x % ${tokens / bm}u * ${bm}u;
  let line = group.x / ${tokens / bm}u;
  let output = line * ${bn}u;
  // Two scalars: with a vector, Dawn's clamps of what the matrices are loaded from halve the speed.
  let mineX = lane / ${SUBGROUP}u / ${sn}u;
  let mineY = lane / ${SUBGROUP}u % ${sn}u;
  ${each((i, j) => `var c${i}_${j}: subgroup_matrix_result<f32, ${FRAGMENT}, ${FRAGMENT}>;`)}
  ${walk}
  ${each((i, j) => `subgroupMatrixStore<row_major>(&y, (token + mineX * ${bm / sm}u + ${i * FRAGMENT}u) * ${outputs}u + output + mineY * ${bn / sn}u + ${j * FRAGMENT}u, c${i}_${j}, ${outputs}u);`)}
}`;
};

/** Workgroups of a whole product. */
export const workgroupsOf = ({ bm, bn }: TensorCoreTile, { tokens, outputs }: TensorCoreSizes): number =>
  (tokens / bm) * (outputs / bn);
