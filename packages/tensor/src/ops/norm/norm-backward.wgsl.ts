import { shaders } from "../../backends/webgpu/shaders.ts";
import type { Plan, Planner, Slot, WebgpuStep } from "../../op.ts";
import type { Layout } from "../../shape.ts";
import { foldStep, wholeLines } from "../reduce/fold.wgsl.ts";
import {
  eachSlot,
  eachWord,
  MAIN,
  plus,
  teamJoin,
  teamOf,
  WORKGROUP,
  wordType,
  type Team,
} from "../reduce/team.wgsl.ts";
import { sumOf } from "../softmax/exponential.wgsl.ts";
import { sizesOf } from "./norm.wgsl.ts";
import type { LayerNormBackwardSignature, RmsNormBackwardSignature } from "./norm.ts";

/** Workgroups that keep a large GPU busy; rows beyond are walked through. */
const MOST_GROUPS = 512;

/**
 * With x̂ = (x − μ) r, or x r, and g = dy · weight, over rows of n elements:
 *
 *   dx = r (g − mean g − x̂ mean(g x̂)), without mean g for rmsNorm        dWeight = Σ_rows dy x̂        dBias = Σ_rows dy
 *
 * A team of invocations does a row after another, short ones in registers, and adds up its rows' part of dWeight and dBias there, long
 * ones' in `weights` and `biases`. Those get one line for each workgroup; a second step adds those up.
 */
const backwardShader = shaders((centred: boolean, weight: boolean, wide: boolean, lanes: number, held: boolean) => {
  const team: Team = { wide, lanes, held, strided: false };
  const word = wordType(wide);
  const teams = WORKGROUP / lanes;
  const inputs = ["dy", "x", ...(weight ? ["weight"] : []), ...(centred ? ["shifts"] : []), "scales"];
  const outputs = ["dx", "weights", ...(centred ? ["biases"] : [])];
  const perRow = (name: string): boolean => name === "shifts" || name === "scales";
  const given = "dy[w.dyStart + base + k]";
  const hat = centred ? "(x[w.xStart + base + k] - first - shift) * scale" : "x[w.xStart + base + k] * scale";
  const g = (given: string): string => (weight ? `${given} * weight[w.weightStart + k]` : given);
  const keep = (j: number): string => (held ? `given${j} = dyk; hat${j} = hat;` : "");
  const pair = (j: number): string =>
    held ? `let dyk = given${j}; let hat = hat${j};` : `let dyk = ${given}; let hat = ${hat};`;
  const addTo = (name: string, value: string): string =>
    `{ let at = group.x * w.n + k; if (step == 0u) { ${name}[at] = ${value}; } else { ${name}[at] += ${value}; } }`;
  const add = (j: number): string =>
    held
      ? `weight${j} += dyk * hat; ${centred ? `bias${j} += dyk;` : ""}`
      : `${addTo("weights", "dyk * hat")} ${centred ? addTo("biases", "dyk") : ""}`;
  /** The teams' sums added up in their order, a slot of the line at a time. */
  const gather = (kind: string, out: string): string =>
    teams === 1
      ? eachWord(team, (j) => `${out}[group.x * w.n + k] = ${kind}${j};`)
      : eachSlot(
          team,
          (j) => /* wgsl */ `
  sums[lane] = ${kind}${j};
  workgroupBarrier();
  if (lane < ${lanes}u && lane + ${j * lanes}u < w.n) {
    var sum = sums[lane];
    for (var t = 1u; t < ${teams}u; t++) { sum += sums[t * ${lanes}u + lane]; }
    ${out}[group.x * w.n + lane + ${j * lanes}u] = sum;
  }
  workgroupBarrier();`,
        );
  return {
    label: centred ? "layerNormBackward" : "rmsNormBackward",
    wgsl: /* wgsl */ `
struct Words { n: u32, rows: u32, size: f32, perTeam: u32, ${inputs.map((name) => `${name}Start: u32,`).join(" ")} }
@group(0) @binding(0) var<uniform> w: Words;
${inputs.map((name, i) => `@group(0) @binding(${i + 1}) var<storage, read> ${name}: array<${perRow(name) ? "f32" : word}>;`).join("\n")}
${outputs.map((name, i) => `@group(0) @binding(${inputs.length + 1 + i}) var<storage, read_write> ${name}: array<${word}>;`).join("\n")}
${teamJoin("total", "vec2<f32>", lanes, plus)}
${held && teams > 1 ? `var<workgroup> sums: array<${word}, ${WORKGROUP}>;` : ""}

${MAIN} {
  let member = lane % ${lanes}u;
  ${held ? eachSlot(team, (j) => `var weight${j} = ${word}(); ${centred ? `var bias${j} = ${word}();` : ""}`) : ""}
  for (var step = 0u; step < w.perTeam; step++) {
    let row = (group.x * w.perTeam + step) * ${teams}u + lane / ${lanes}u;
    let mine = row < w.rows;
    let count = select(0u, w.n, mine);
    let base = select(0u, row * w.n, mine);
    let own = select(0u, row, mine);
    let scale = scales[w.scalesStart + own];
    ${centred ? `let shift = shifts[w.shiftsStart + own]; let first = x[w.xStart + base]${wide ? ".x" : ""};` : ""}
    ${held ? eachSlot(team, (j) => `var given${j} = ${word}(); var hat${j} = ${word}();`) : ""}
    var part = vec2<f32>();
    ${eachWord(team, (j) => `let dyk = ${given}; let hat = ${hat}; ${keep(j)} let g = ${g("dyk")}; let gHat = g * hat; part += vec2<f32>(${sumOf(wide, "g")}, ${sumOf(wide, "gHat")});`)}
    let mean = total(part, lane) / w.size;
    ${eachWord(team, (j) => `${pair(j)} ${add(j)} dx[base + k] = scale * (${g("dyk")}${centred ? " - mean.x" : ""} - hat * mean.y);`)}
  }
  ${held ? `let count = w.n;\n  ${gather("weight", "weights")}\n  ${centred ? gather("bias", "biases") : ""}` : ""}
}`,
  };
});

/** dx with each workgroup's sums for dWeight and dBias, then those added up. `inputs`: dy, x, weight, shift, rstd. */
const backward = (inputs: readonly (Layout | null)[], centred: boolean, dims: number): Plan<WebgpuStep> => {
  const { rows, n } = sizesOf(inputs[1]!.shape, dims);
  const sums: Slot[] = [{ out: 1 }, ...(centred ? [{ out: 2 }] : [])];
  if (n === 0) return { steps: [] };
  if (rows === 0) return { steps: sums.map((slot) => foldStep("sum f32", wholeLines({ in: 1 }, 1, 0, n), slot)) };
  const layouts = inputs.slice(0, 3).flatMap((layout) => (layout ? [layout.offset] : []));
  const ofRows = inputs.slice(3).flatMap((layout) => (layout ? [layout.offset] : []));
  const { wide, lanes, held } = teamOf(n, ...layouts);
  const width = wide ? 4 : 1;
  const teams = WORKGROUP / lanes;
  const perTeam = Math.ceil(Math.ceil(rows / teams) / MOST_GROUPS);
  const groups = Math.ceil(rows / (perTeam * teams));
  const partials: readonly Slot[] = groups === 1 ? sums : sums.map((_, scratch) => ({ scratch }));
  const first: WebgpuStep = {
    shader: backwardShader(centred, Boolean(inputs[2]), wide, lanes, held),
    bind: [...inputs.flatMap((layout, i) => (layout ? [{ in: i }] : [])), { out: 0 }, ...partials],
    words: [n / width, rows, { f32: n }, perTeam, ...layouts.map((start) => start / width), ...ofRows],
    workgroups: groups,
  };
  if (groups === 1) return { steps: [first] };
  const last = sums.map((slot, i) => foldStep("sum f32", wholeLines(partials[i]!, 1, groups, n), slot));
  return { steps: [first, ...last], scratchBytes: sums.map(() => groups * n * 4) };
};

export const layerNormBackwardWgsl: Planner<LayerNormBackwardSignature, WebgpuStep> = {
  plan: ({ inputs, attrs: { dims } }) => backward(inputs, true, dims),
};

export const rmsNormBackwardWgsl: Planner<RmsNormBackwardSignature, WebgpuStep> = {
  plan: ({ inputs, attrs: { dims } }) => backward(inputs, false, dims),
};
