import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Plan, Planner, WebgpuStep } from "../../op.ts";
import type { Layout } from "../../shape.ts";
import { input, output, scratch } from "../../slots.ts";
import { foldStep, wholeLines } from "../reduce/fold.wgsl.ts";
import { eachSlot, eachWord, plus, teamJoin, teamOf, WORKGROUP, wordType, type Team } from "../reduce/team.wgsl.ts";
import { sumOf } from "../softmax/exponential.wgsl.ts";
import { sizesOf } from "./norm.wgsl.ts";
import type { LayerNormBackwardSignature, RmsNormBackwardSignature } from "./norm.ts";

/** Workgroups that keep a large GPU busy; rows beyond are walked through. */
const MAX_GROUPS = 512;

type Choices = Team & { readonly centred: boolean; readonly weight: boolean };

/**
 * With x̂ = (x − μ) r, or x r, and g = dy · weight, over rows of n elements:
 *
 *   dx = r (g − mean g − x̂ mean(g x̂)), without mean g for rmsNorm        dWeight = Σ_rows dy x̂        dBias = Σ_rows dy
 *
 * A team of invocations does a row after another, short ones in registers, and adds up its rows' part of dWeight and dBias there, long
 * ones' in `weights` and `biases`. Those get one line for each workgroup; a second step adds those up.
 */
const backwardKernel = variants((choices: Choices) => {
  const { centred, weight, ...team } = choices;
  const { wide, lanes, held } = team;
  const word = wordType(wide);
  const teams = WORKGROUP / lanes;
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
  return kernel(
    {
      name: centred ? "layerNormBackward" : "rmsNormBackward",
      workgroup: WORKGROUP,
      words: {
        n: "u32",
        rows: "u32",
        size: "f32",
        perTeam: "u32",
        dyStart: "u32",
        xStart: "u32",
        weightStart: when(weight, "u32"),
        shiftsStart: when(centred, "u32"),
        scalesStart: "u32",
      },
      bind: {
        dy: read(word),
        x: read(word),
        weight: when(weight, read(word)),
        shifts: when(centred, read("f32")),
        scales: read("f32"),
        dx: write(word),
        weights: write(word),
        biases: when(centred, write(word)),
      },
    },
    (k) => /* wgsl */ `
${teamJoin("total", "vec2<f32>", lanes, plus)}
${held && teams > 1 ? `var<workgroup> sums: array<${word}, ${WORKGROUP}>;` : ""}

${k.main} {
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
  );
});

/** What a backward reads. Its inputs come in this order; rmsNorm has no shift. */
interface NormBackward {
  readonly dy: Layout;
  readonly x: Layout;
  readonly weight: Layout | null;
  readonly shift: Layout | null;
  readonly rstd: Layout;
  readonly dims: number;
}

/** dx with each workgroup's sums for dWeight and dBias, then those added up. */
const backward = ({ dy, x, weight, shift, rstd, dims }: NormBackward): Plan<WebgpuStep> => {
  const centred = shift !== null;
  const { rows, n } = sizesOf(x.shape, dims);
  const sums = centred ? [output(1), output(2)] : [output(1)];
  if (n === 0) return { steps: [] };
  if (rows === 0) return { steps: sums.map((slot) => foldStep("sum f32", wholeLines(input(1), 1, 0, n), slot)) };
  const team = teamOf(n, dy.offset, x.offset, weight?.offset ?? 0);
  const width = team.wide ? 4 : 1;
  const teams = WORKGROUP / team.lanes;
  const perTeam = Math.ceil(Math.ceil(rows / teams) / MAX_GROUPS);
  const groups = Math.ceil(rows / (perTeam * teams));
  const partials = groups === 1 ? sums : sums.map((_, i) => scratch(i));
  const first = backwardKernel({ centred, weight: weight !== null, ...team })(
    {
      n: n / width,
      rows,
      size: n,
      perTeam,
      dyStart: dy.offset / width,
      xStart: x.offset / width,
      weightStart: weight && weight.offset / width,
      shiftsStart: shift && shift.offset,
      scalesStart: rstd.offset,
      dy: input(0),
      x: input(1),
      weight: weight && input(2),
      shifts: shift && input(3),
      scales: input(centred ? 4 : 3),
      dx: output(0),
      weights: partials[0]!,
      biases: partials[1] ?? null,
    },
    { workgroups: groups },
  );
  if (groups === 1) return { steps: [first] };
  const last = sums.map((slot, i) => foldStep("sum f32", wholeLines(partials[i]!, 1, groups, n), slot));
  return { steps: [first, ...last], scratchBytes: sums.map(() => groups * n * 4) };
};

export const layerNormBackwardWgsl: Planner<LayerNormBackwardSignature, WebgpuStep> = {
  plan: ({ inputs: [dy, x, weight, shift, rstd], attrs: { dims } }) => backward({ dy, x, weight, shift, rstd, dims }),
};

export const rmsNormBackwardWgsl: Planner<RmsNormBackwardSignature, WebgpuStep> = {
  plan: ({ inputs: [dy, x, weight, rstd], attrs: { dims } }) => backward({ dy, x, weight, shift: null, rstd, dims }),
};
