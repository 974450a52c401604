import {
  placeVectors,
  vectorPlace,
  type Form,
  type Runs,
  type TilePlan,
  type TileText,
} from "../../backends/webgpu/tiles.wgsl.ts";

/**
 * How an operand is read. exact: whole vec4s and no test, since the tiles fit; edges: the same where only k fits, beyond the edges of C the
 * last row or column is read again and its products dropped; vector: vec4s, zeros outside; scalar: any strides, element by element.
 */
export type Access = "exact" | "edges" | "vector" | "scalar";

/** How the tiles' loads are written: declarations outside of main, then see TileText. */
export interface LoadText extends Pick<TileText, "lane" | "load"> {
  readonly functions: string;
}

/** What the kernel calls what belongs to an operand: the tile's first row or column, how many there are in all, and the strides. */
const NAMES = {
  A: { lower: "a", first: "row0", extent: "w.m", stride: "w.rowStride", kStride: "w.aKStride" },
  B: { lower: "b", first: "column0", extent: "w.n", stride: "w.columnStride", kStride: "w.bKStride" },
} as const;

/** Without a test: an invocation knows where its patches begin, and all that changes from step to step is the same for everyone. */
export const plainLoads = (plan: TilePlan, runs: TileText["runs"], edges: boolean): LoadText => ({
  functions: "",
  lane: (operand, across, k, name) => {
    const { lower, first, extent, stride, kStride } = NAMES[operand];
    const place = (i: number): string =>
      runs[operand] === "along"
        ? `(${lower}Start + ${edges ? `min(${first} + ${across} + ${i}u, ${extent} - 1u)` : `(${first} + ${across})`} * ${stride} + kStart + ${k}) / 4u`
        : `(${lower}Start + (kStart + ${k}) * ${kStride} + ${edges ? `min(${first} + ${across}, ${extent} - 4u)` : `${first} + ${across}`}) / 4u`;
    return edges && runs[operand] === "along" ? placeVectors(name, place) : `let ${name} = ${place(0)};`;
  },
  load: (operand, name, i) => {
    const { lower, stride, kStride } = NAMES[operand];
    if (runs[operand] === "across") return `${lower}Values[${name} + (at * ${plan.bk}u + ${i}) * (${kStride} / 4u)]`;
    if (!edges) return `${lower}Values[${name} + at * ${plan.bk / 4}u + ${i} * (${stride} / 4u)]`;
    return `${lower}Values[${vectorPlace(name, i)} + at * ${plan.bk / 4}u]`;
  },
});

/** `fn load<name>(start, across, k)`: four elements, along k or across. */
const loadFunction = (name: "A" | "B", form: Form, runs: Runs, access: "vector" | "scalar"): string => {
  const { lower, extent, stride, kStride } = NAMES[name];
  const array = `${lower}Values`;
  const packed = `${array}[(start + ${runs === "along" ? `across * ${stride} + k` : `k * ${kStride} + across`}) / 4u]`;
  // Outside, the first element is read and dropped: there is no branch for each element.
  const [row, column] = runs === "along" ? ["across", "k + i"] : ["across + i", "k"];
  const one = (i: string): string => `{ let i = ${i}; let inside = ${row} < ${extent} && ${column} < kEnd;
    v[i] = select(0.0, ${array}[select(start, start + (${row}) * ${stride} + (${column}) * ${kStride}, inside)], inside); }`;
  const body = {
    // The stride in the direction of the vec4 is 1.
    vector: `if (across >= ${extent} || k >= kEnd) { return vec4<f32>(); }
  return ${packed};`,
    scalar: `var v = vec4<f32>();
  ${form === "rolled" ? `for (var j = 0u; j < 4u; j++) ${one("j")}` : ["0u", "1u", "2u", "3u"].map(one).join("\n  ")}
  return v;`,
  }[access];
  return `fn load${name}(start: u32, across: u32, k: u32, kEnd: u32) -> vec4<f32> {\n  ${body}\n}`;
};

/** With a test of each vec4, or of each element. */
export const testedLoads = (
  plan: TilePlan,
  form: Form,
  runs: TileText["runs"],
  access: "vector" | "scalar",
): LoadText => ({
  functions: `${loadFunction("A", form, runs.A, access)}\n${loadFunction("B", form, runs.B, access)}`,
  lane: (operand, across, k, name) =>
    `let ${name}Across = ${NAMES[operand].first} + ${across}; let ${name}K = kStart + ${k};`,
  load: (operand, name, i) => {
    const [across, k] = runs[operand] === "along" ? [` + ${i}`, ""] : ["", ` + ${i}`];
    return `load${operand}(${NAMES[operand].lower}Start, ${name}Across${across}, ${name}K + at * ${plan.bk}u${k}, kEnd)`;
  },
});
