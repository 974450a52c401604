import { shaders } from "../../backends/webgpu/shaders.ts";
import type { Plan, Planner, Slot, WebgpuStep } from "../../op.ts";
import { numel, type Layout, type Shape } from "../../shape.ts";
import {
  eachSlot,
  eachWord,
  groupsFor,
  lineText,
  MAIN,
  plus,
  teamJoin,
  teamOf,
  wordType,
} from "../reduce/team.wgsl.ts";
import type { Team } from "../reduce/team.wgsl.ts";
import { sumOf } from "../softmax/exponential.wgsl.ts";
import type { AddLayerNormSignature, LayerNormSignature, RmsNormSignature } from "./norm.ts";

/** Rows, and the elements of each. */
export const sizesOf = (shape: Shape, dims: number): { readonly rows: number; readonly n: number } => {
  const at = shape.length - dims;
  return { rows: numel(shape.slice(0, at)), n: numel(shape.slice(at)) };
};

/**
 * x [rows, n], weight and bias [n]; r = 1 / √(σ² + eps):
 *
 *   layerNorm  y = (x − μ) r weight + bias        rmsNorm  y = x r weight, with mean x² for σ²
 *   addLayerNorm  layerNorm of x + residual
 *
 * A team of invocations does a row, which it keeps in registers when it is short. The row's first element is subtracted before anything
 * else, so that a large mean costs no digits, and the variance is a sum of squares of its own. `saves`: also writes the sum, μ less the
 * first element, and r.
 */
const forwardShader = shaders(
  (label: string, weight: boolean, bias: boolean, saves: boolean, wide: boolean, lanes: number, held: boolean) => {
    const centred = label !== "rmsNorm";
    const adds = label === "addLayerNorm";
    const team: Team = { wide, lanes, held, strided: false };
    const word = wordType(wide);
    const inputs = ["x", ...(adds ? ["residual"] : []), ...(weight ? ["weight"] : []), ...(bias ? ["bias"] : [])];
    const sums = saves && adds;
    const saved = saves ? [...(centred ? ["shifts"] : []), "scales"] : [];
    const declare = (name: string, i: number, access: string, type: string): string =>
      `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}>;`;
    const at = (place: string): string =>
      adds ? `(x[w.xStart + ${place}] + residual[w.residualStart + ${place}])` : `x[w.xStart + ${place}]`;
    const load = centred ? `${at("base + k")} - first` : at("base + k");
    const value = (j: number): string => (held ? `v${j}` : `(${load})`);
    const squares = (j: number): string =>
      `let d = ${value(j)}${centred ? " - shift" : ""}; let d2 = d * d; squares += ${sumOf(wide, "d2")}; ${held ? `v${j} = d;` : ""}`;
    const result = (j: number): string =>
      [
        `${held ? `v${j}` : `(${load}${centred ? " - shift" : ""})`} * scale`,
        weight ? " * weight[w.weightStart + k]" : "",
        bias ? " + bias[w.biasStart + k]" : "",
      ].join("");
    return {
      label,
      wgsl: /* wgsl */ `
struct Words { n: u32, lines: u32, size: f32, eps: f32, ${inputs.map((name) => `${name}Start: u32,`).join(" ")} }
@group(0) @binding(0) var<uniform> w: Words;
${inputs.map((name, i) => declare(name, i, "read", word)).join("\n")}
${declare("y", inputs.length, "read_write", word)}
${sums ? declare("sums", inputs.length + 1, "read_write", word) : ""}
${saved.map((name, i) => declare(name, inputs.length + (sums ? 2 : 1) + i, "read_write", "f32")).join("\n")}
${teamJoin("total", "f32", lanes, plus)}

${MAIN} {
  ${lineText(team)}
  ${held ? eachSlot(team, (j) => `var v${j} = ${word}();`) : ""}
  ${centred ? `let first = ${at("base")}${wide ? ".x" : ""};` : ""}
  ${
    centred
      ? /* wgsl */ `
  var sum = 0.0;
  ${eachWord(team, (j) => `${sums ? `let s = ${at("base + k")}; sums[base + k] = s; let d = s - first;` : `let d = ${load};`} sum += ${sumOf(wide, "d")}; ${held ? `v${j} = d;` : ""}`)}
  let shift = total(sum, lane) / w.size;`
      : held
        ? eachWord(team, (j) => `v${j} = ${load};`)
        : ""
  }
  var squares = 0.0;
  ${eachWord(team, squares)}
  let scale = 1.0 / sqrt(total(squares, lane) / w.size + w.eps);
  ${eachWord(team, (j) => `y[base + k] = ${result(j)};`)}
  if (member == 0u && line < w.lines) { ${saved.map((name) => `${name}[line] = ${name === "shifts" ? "shift" : "scale"};`).join(" ")} }
}`,
    };
  },
);

/** `inputs`: x, for a sum the residual, weight, bias. `saved`: how many outputs follow y. */
const forward = (
  label: "layerNorm" | "rmsNorm" | "addLayerNorm",
  inputs: readonly (Layout | null)[],
  saved: number,
  dims: number,
  eps: number,
): Plan<WebgpuStep> => {
  const { rows, n } = sizesOf(inputs[0]!.shape, dims);
  const [weight, bias] = inputs.slice(label === "addLayerNorm" ? 2 : 1);
  const starts = inputs.flatMap((layout) => (layout ? [layout.offset] : []));
  const team = teamOf(n, ...starts);
  const { wide, lanes, held } = team;
  const width = wide ? 4 : 1;
  const bind: Slot[] = inputs.flatMap((layout, i) => (layout ? [{ in: i }] : []));
  for (let out = 0; out <= saved; out++) bind.push({ out });
  const step: WebgpuStep = {
    shader: forwardShader(label, Boolean(weight), Boolean(bias), saved > 0, wide, lanes, held),
    bind,
    words: [n / width, rows, { f32: n }, { f32: eps }, ...starts.map((start) => start / width)],
    workgroups: groupsFor(team, rows),
  };
  return { steps: [step] };
};

export const layerNormWgsl: Planner<LayerNormSignature, WebgpuStep> = {
  plan: ({ inputs, outputs: [, shift], attrs: { dims, eps } }) =>
    forward("layerNorm", inputs, shift ? 2 : 0, dims, eps),
};

export const addLayerNormWgsl: Planner<AddLayerNormSignature, WebgpuStep> = {
  plan: ({ inputs, outputs: [, sum], attrs: { dims, eps } }) => forward("addLayerNorm", inputs, sum ? 3 : 0, dims, eps),
};

export const rmsNormWgsl: Planner<RmsNormSignature, WebgpuStep> = {
  plan: ({ inputs, outputs: [, rstd], attrs: { dims, eps } }) => forward("rmsNorm", inputs, rstd ? 1 : 0, dims, eps),
};
