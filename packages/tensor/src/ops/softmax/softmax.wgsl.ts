import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Planner, WebgpuStep } from "../../op.ts";
import { numel, type Layout } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import {
  columnTeam,
  eachSlot,
  eachWord,
  groupsFor,
  larger,
  lineText,
  plus,
  teamJoin,
  teamOf,
  WORKGROUP,
  wordAt,
  wordType,
  type Team,
} from "../reduce/team.wgsl.ts";
import { exponentialText, maxOf, onlineText, sumOf } from "./exponential.wgsl.ts";
import type { SoftmaxBackwardSignature, SoftmaxSignature } from "./softmax.ts";

type Choices = Team & { readonly log: boolean };

/**
 * Along n of x [outer, n, inner], m = max x:
 *
 *   softmax     y_k = e^(x_k − m) / Σ_j e^(x_j − m)
 *   logSoftmax  y_k = (x_k − m) − ln Σ_j e^(x_j − m)
 *
 * A team of invocations does a line. It keeps short ones in registers and reads them once; of long ones and of columns it finds
 * maximum and sum in one pass, and writes in a second. A line of nothing but −∞, or with NaN or +∞ in it, becomes NaN.
 */
const forwardKernel = variants((choices: Choices) => {
  const { log, ...team } = choices;
  const { wide, lanes, held, strided } = team;
  const word = wordType(wide);
  const load = (at: string): string => `x[w.xStart + ${at}]`;
  const term = (value: string): string =>
    log ? `(${value} - rowMax) - scale` : `expBelow(${value} - select(rowMax, 0.0, rowMax == low)) * scale`;
  const body = held
    ? /* wgsl */ `
  var m = low;
  var broken = false;
  ${eachSlot(team, (j) => `var v${j} = ${word}(low);`)}
  ${eachWord(team, (j) => `v${j} = ${load(wordAt(team, "k"))}; m = max(m, ${maxOf(wide, `v${j}`)}); broken = broken || hasNan(v${j});`)}
  let rowMax = largest(select(m, infinity(), broken), lane);
  var s = 0.0;
  ${eachWord(team, (j) => `v${j} -= rowMax; let e = expBelow(v${j}); s += ${sumOf(wide, "e")}; ${log ? "" : `v${j} = e;`}`)}
  let sum = total(s, lane);`
    : /* wgsl */ `
  let begin = 0u;
  let end = count;
  ${onlineText(team, load, () => "")}
  let rowMax = largest(m, lane);
  let sum = total(s * expBelowOne(m - rowMax), lane);`;
  const result = held ? (j: number) => (log ? `v${j} - scale` : `v${j} * scale`) : () => term(load(wordAt(team, "k")));
  return kernel(
    {
      name: log ? "logSoftmax" : "softmax",
      workgroup: WORKGROUP,
      words: { xStart: "u32", n: "u32", inner: "u32", lines: "u32" },
      bind: { x: read(word), y: write(word) },
    },
    (k) => /* wgsl */ `
${mathFor("infinity() nan() logOf()")}
${exponentialText(wide)}
${teamJoin("largest", "f32", lanes, larger, strided)}
${teamJoin("total", "f32", lanes, plus, strided)}

${k.main} {
  ${lineText(team)}
  let low = -infinity();
  ${body}
  let scale = select(${log ? "logOf(sum)" : "1.0 / sum"}, nan(), rowMax == low || rowMax == infinity());
  ${eachWord(team, (j) => `y[${wordAt(team, "k")}] = ${result(j)};`)}
}`,
  );
});

/**
 * Along n of dy and y [outer, n, inner]:
 *
 *   softmax     dx_k = y_k (dy_k − Σ_j dy_j y_j)
 *   logSoftmax  dx_k = dy_k − e^(y_k) Σ_j dy_j
 *
 * A team of invocations does a line, which it keeps in registers when it is short.
 */
const backwardKernel = variants((choices: Choices) => {
  const { log, ...team } = choices;
  const { wide, lanes, held, strided } = team;
  const word = wordType(wide);
  const given = `given[w.givenStart + ${wordAt(team, "k")}]`;
  const made = `made[w.madeStart + ${wordAt(team, "k")}]`;
  const exp = wide ? "vec4<f32>(expOf(b.x), expOf(b.y), expOf(b.z), expOf(b.w))" : "expOf(b)";
  const keep = (j: number): string => (held ? `a${j} = ${given}; b${j} = ${made};` : "");
  const pair = (j: number): string => (held ? `let a = a${j}; let b = b${j};` : `let a = ${given}; let b = ${made};`);
  return kernel(
    {
      name: log ? "logSoftmaxBackward" : "softmaxBackward",
      workgroup: WORKGROUP,
      words: { givenStart: "u32", madeStart: "u32", n: "u32", inner: "u32", lines: "u32" },
      bind: { given: read(word), made: read(word), dx: write(word) },
    },
    (k) => /* wgsl */ `
${mathFor("expOf()")}
${teamJoin("total", "f32", lanes, plus, strided)}

${k.main} {
  ${lineText(team)}
  ${held ? eachSlot(team, (j) => `var a${j} = ${word}(); var b${j} = ${word}();`) : ""}
  var s = 0.0;
  ${eachWord(team, (j) => `${keep(j)} ${pair(j)} let term = ${log ? "a" : "a * b"}; s += ${sumOf(wide, "term")};`)}
  let sum = total(s, lane);
  ${eachWord(team, (j) => `${pair(j)} dx[${wordAt(team, "k")}] = ${log ? `a - ${exp} * sum` : "b * (a - sum)"};`)}
}`,
  );
});

/** The lines along `dim`, and the team that does one. `starts`: where the tensors begin. */
const linesAlong = ({ shape }: Layout, dim: number, starts: readonly number[]) => {
  const n = shape[dim] ?? 1;
  const inner = numel(shape.slice(dim + 1));
  const lines = numel(shape.slice(0, dim)) * inner;
  const team = inner === 1 ? teamOf(n, ...starts) : columnTeam(n, lines);
  const width = team.wide ? 4 : 1;
  return { team, width, words: { n: n / width, inner, lines }, dispatch: { workgroups: groupsFor(team, lines) } };
};

const forward = (log: boolean): Planner<SoftmaxSignature, WebgpuStep> => ({
  plan: ({ inputs: [x], attrs: { dim } }) => {
    const { team, width, words, dispatch } = linesAlong(x, dim, [x.offset]);
    const softmax = forwardKernel({ log, ...team });
    return { steps: [softmax({ x: input(0), y: output(0), xStart: x.offset / width, ...words }, dispatch)] };
  },
});
export const softmaxWgsl = forward(false);
export const logSoftmaxWgsl = forward(true);

const backward = (log: boolean): Planner<SoftmaxBackwardSignature, WebgpuStep> => ({
  plan: ({ inputs: [dy, y], attrs: { dim } }) => {
    const { team, width, words, dispatch } = linesAlong(y, dim, [dy.offset, y.offset]);
    const step = backwardKernel({ log, ...team })(
      {
        given: input(0),
        made: input(1),
        dx: output(0),
        givenStart: dy.offset / width,
        madeStart: y.offset / width,
        ...words,
      },
      dispatch,
    );
    return { steps: [step] };
  },
});
export const softmaxBackwardWgsl = backward(false);
export const logSoftmaxBackwardWgsl = backward(true);
