import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Plan, Planner, WebgpuStep } from "../../op.ts";
import { numel, type Layout, type Shape } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import {
  eachSlot,
  eachWord,
  groupsFor,
  lineText,
  plus,
  teamJoin,
  teamOf,
  WORKGROUP,
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

/** 2^-80: the squares of what is multiplied by it are within float32, and so is their sum. */
const SHRINK = "8.27180613e-25";

type Choices = Team & {
  readonly label: "layerNorm" | "rmsNorm" | "addLayerNorm";
  readonly weight: boolean;
  readonly bias: boolean;
  readonly saves: boolean;
};

/**
 * x [rows, n], weight and bias [n]; r = 1 / √(σ² + eps):
 *
 *   layerNorm  y = (x − μ) r weight + bias        rmsNorm  y = x r weight, with mean x² for σ²
 *   addLayerNorm  layerNorm of x + residual
 *
 * A team of invocations does a row, which it keeps in registers when it is short. The row's first element is subtracted before anything
 * else, so that a large mean costs no digits, and the variance is a sum of squares of its own; beside it goes that of the row times 2^-80,
 * which counts where a square is beyond float32. `saves`: also writes the sum, μ less the
 * first element, and r.
 */
const forwardKernel = variants((choices: Choices) => {
  const { label, weight, bias, saves, ...team } = choices;
  const { wide, lanes, held } = team;
  const centred = label !== "rmsNorm";
  const adds = label === "addLayerNorm";
  const word = wordType(wide);
  const sums = saves && adds;
  const saved = saves ? [...(centred ? ["shifts"] : []), "scales"] : [];
  const at = (place: string): string =>
    adds ? `(x[w.xStart + ${place}] + residual[w.residualStart + ${place}])` : `x[w.xStart + ${place}]`;
  const load = centred ? `${at("base + k")} - first` : at("base + k");
  const value = (j: number): string => (held ? `v${j}` : `(${load})`);
  const squares = (j: number): string =>
    `let d = ${value(j)}${centred ? " - shift" : ""}; let d2 = d * d; let s = d * ${SHRINK}; let s2 = s * s; squares += vec2<f32>(${sumOf(wide, "d2")}, ${sumOf(wide, "s2")}); ${held ? `v${j} = d;` : ""}`;
  const result = (j: number): string =>
    [
      `${held ? `v${j}` : `(${load}${centred ? " - shift" : ""})`} * scale`,
      weight ? " * weight[w.weightStart + k]" : "",
      bias ? " + bias[w.biasStart + k]" : "",
    ].join("");
  return kernel(
    {
      name: label,
      workgroup: WORKGROUP,
      words: {
        n: "u32",
        lines: "u32",
        size: "f32",
        eps: "f32",
        xStart: "u32",
        residualStart: when(adds, "u32"),
        weightStart: when(weight, "u32"),
        biasStart: when(bias, "u32"),
      },
      bind: {
        x: read(word),
        residual: when(adds, read(word)),
        weight: when(weight, read(word)),
        bias: when(bias, read(word)),
        y: write(word),
        sums: when(sums, write(word)),
        shifts: when(saves && centred, write("f32")),
        scales: when(saves, write("f32")),
      },
    },
    (k) => /* wgsl */ `
${teamJoin("total", "vec2<f32>", lanes, plus)}

${k.main} {
  ${lineText(team)}
  ${held ? eachSlot(team, (j) => `var v${j} = ${word}();`) : ""}
  ${centred ? `let first = ${at("base")}${wide ? ".x" : ""};` : ""}
  ${
    centred
      ? /* wgsl */ `
  var sum = 0.0;
  ${eachWord(team, (j) => `${sums ? `let s = ${at("base + k")}; sums[base + k] = s; let d = s - first;` : `let d = ${load};`} sum += ${sumOf(wide, "d")}; ${held ? `v${j} = d;` : ""}`)}
  let shift = total(vec2<f32>(sum, 0.0), lane).x / w.size;`
      : held
        ? eachWord(team, (j) => `v${j} = ${load};`)
        : ""
  }
  var squares = vec2<f32>();
  ${eachWord(team, squares)}
  let both = total(squares, lane);
  let scale = select(${SHRINK} / sqrt(both.y / w.size), 1.0 / sqrt(both.x / w.size + w.eps), both.x < 3.4028234e38);
  ${eachWord(team, (j) => `y[base + k] = ${result(j)};`)}
  if (member == 0u && line < w.lines) { ${saved.map((name) => `${name}[line] = ${name === "shifts" ? "shift" : "scale"};`).join(" ")} }
}`,
  );
});

/** One normalisation, with the optional inputs that are given; `saves`: whether outputs follow y. */
interface Norm {
  readonly label: Choices["label"];
  readonly x: Layout;
  readonly residual?: Layout;
  readonly weight: Layout | null;
  readonly bias?: Layout | null;
  readonly saves: boolean;
  readonly attrs: { readonly dims: number; readonly eps: number };
}

const forward = ({ label, x, residual, weight, bias, saves, attrs: { dims, eps } }: Norm): Plan<WebgpuStep> => {
  const { rows, n } = sizesOf(x.shape, dims);
  const [centred, adds] = [label !== "rmsNorm", label === "addLayerNorm"];
  const offsets = [x, residual, weight, bias].flatMap((layout) => (layout ? [layout.offset] : []));
  const team = teamOf(n, ...offsets);
  const width = team.wide ? 4 : 1;
  const start = (layout: Layout | null | undefined): number | null => (layout ? layout.offset / width : null);
  // Inputs: x, for a sum the residual, weight, bias. Outputs: y, for a sum x + residual, then what only the backward reads.
  const first = adds ? 2 : 1;
  const step = forwardKernel({ label, weight: Boolean(weight), bias: Boolean(bias), saves, ...team })(
    {
      n: n / width,
      lines: rows,
      size: n,
      eps,
      xStart: x.offset / width,
      residualStart: start(residual),
      weightStart: start(weight),
      biasStart: start(bias),
      x: input(0),
      residual: adds ? input(1) : null,
      weight: weight ? input(first) : null,
      bias: bias ? input(first + 1) : null,
      y: output(0),
      sums: saves && adds ? output(1) : null,
      shifts: saves && centred ? output(first) : null,
      scales: saves ? output(centred ? first + 1 : first) : null,
    },
    { workgroups: groupsFor(team, rows) },
  );
  return { steps: [step] };
};

export const layerNormWgsl: Planner<LayerNormSignature, WebgpuStep> = {
  plan: ({ inputs: [x, weight, bias], outputs: [, shift], attrs }) =>
    forward({ label: "layerNorm", x, weight, bias, saves: shift !== null, attrs }),
};

export const addLayerNormWgsl: Planner<AddLayerNormSignature, WebgpuStep> = {
  plan: ({ inputs: [x, residual, weight, bias], outputs: [, sum], attrs }) =>
    forward({ label: "addLayerNorm", x, residual, weight, bias, saves: sum !== null, attrs }),
};

export const rmsNormWgsl: Planner<RmsNormSignature, WebgpuStep> = {
  plan: ({ inputs: [x, weight], outputs: [, rstd], attrs }) =>
    forward({ label: "rmsNorm", x, weight, saves: rstd !== null, attrs }),
};
