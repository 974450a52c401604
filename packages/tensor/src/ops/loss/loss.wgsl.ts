import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { shaders } from "../../backends/webgpu/shaders.ts";
import { faultAt } from "../../backends/webgpu/snippets.wgsl.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { larger, MAIN, plus, teamJoin, teamOf, WORKGROUP, wordType, type Team } from "../reduce/team.wgsl.ts";
import { exponentialText, onlineText, sumOf } from "../softmax/exponential.wgsl.ts";
import { noClass } from "./loss.reference.ts";
import type { CrossEntropyBackwardSignature, CrossEntropySignature } from "./loss.ts";

/** Workgroups that keep a large GPU busy, and the classes of a part of a row, at least. */
const ENOUGH = 1024;
const PART = 4096;

/** The row's target: whether it counts, and its class, 0 where it is none. One invocation says so. */
const targetText = (speaks: string): string => /* wgsl */ `
  let own = targets[w.targetStart + row];
  let counts = mine && own != w.ignore;
  let fits = own >= 0 && own < i32(w.classes);
  if (counts && !fits && ${speaks}) { report(own); }
  let class_ = select(0u, u32(own), fits);`;

/**
 * What to write for a row, once m = max x, s = Σ e^(x − m) and off = Σ (x − shift) are known. No row with NaN or +∞, or of nothing but
 * −∞, has a loss.
 */
const resultText = (smoothed: boolean, saves: boolean, targetLogit: string): string => /* wgsl */ `
    let none = m == infinity() || m == -infinity();
    let log = logOf(s);
    let logit = ${targetLogit} - m;
    var value = log - logit;
    ${
      smoothed
        ? /* wgsl */ `
    let even = off / f32(w.classes) + (shift - m);
    value = log - ((1.0 - w.smoothing) * logit + w.smoothing * even);`
        : ""
    }
    value = select(value, nan(), none);
    losses[row] = select(0.0, value, counts);
    ${saves ? "lses[row] = select(0.0, select(m + log, nan(), none), counts);" : ""}`;

/** Near the logits, so that the sum of differences keeps its digits: the target's logit, when it is finite. */
const shiftText = (smoothed: boolean, logit: string): string =>
  smoothed ? `var shift = ${logit}; if (!(abs(shift) < infinity()) || isNan(shift)) { shift = 0.0; }` : "";

const TARGET_LOGIT = "logits[w.logitsStart + row * w.classes + class_]";

const WORDS =
  "classes: u32, rows: u32, span: u32, parts: u32, logitsStart: u32, targetStart: u32, ignore: i32, smoothing: f32, fault: u32";

/**
 * loss = ln Σ_c e^(x_c − m) − ((1 − ε)(x_t − m) + ε mean(x − m)) of each row, m = max x, and lse = m + ln Σ: a team of invocations reads a
 * part of a row once. `whole` rows are finished here; of others m, s and off go to `partials`.
 */
const forwardShader = shaders((smoothed: boolean, saves: boolean, whole: boolean, wide: boolean, lanes: number) => {
  const team: Team = { wide, lanes, held: false, strided: false };
  const word = wordType(wide);
  const first = wide ? "words" : "logits";
  const outputs = whole ? ["losses", ...(saves ? ["lses"] : [])] : ["partials"];
  const targetLogit = wide ? "words[w.logitsStart / 4u + (row * w.classes + class_) / 4u][class_ % 4u]" : TARGET_LOGIT;
  return {
    label: "crossEntropy",
    wgsl: /* wgsl */ `
struct Words { ${WORDS} }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> ${first}: array<${word}>;
@group(0) @binding(2) var<storage, read> targets: array<i32>;
${outputs.map((name, i) => `@group(0) @binding(${3 + i}) var<storage, read_write> ${name}: array<${whole ? "f32" : "vec4<f32>"}>;`).join("\n")}
${faultAt(3 + outputs.length)}
${mathFor("infinity() nan() isNan() logOf()")}
${exponentialText(wide)}
${teamJoin("largest", "f32", lanes, larger)}
${teamJoin("total", "vec2<f32>", lanes, plus)}

${MAIN} {
  let unit = (group.x + group.y * groups.x) * ${WORKGROUP / lanes}u + lane / ${lanes}u;
  let member = lane % ${lanes}u;
  let mine = unit / w.parts < w.rows;
  let row = select(0u, unit / w.parts, mine);
  let part = unit % w.parts;
  ${targetText("member == 0u && part == 0u")}
  let count = w.classes${wide ? " / 4u" : ""};
  let base = w.logitsStart${wide ? " / 4u" : ""} + row * count;
  let begin = select(count, part * w.span, counts);
  let end = min(begin + w.span, count);
  let low = -infinity();
  var off = 0.0;
  ${shiftText(smoothed, targetLogit)}
  ${onlineText(
    team,
    (at) => `${first}[${at}]`,
    (value) => (smoothed ? `{ let d = ${value} - shift; off += ${sumOf(wide, "d")}; }` : ""),
  )}
  let most = largest(m, lane);
  let sums = total(vec2<f32>(s * expBelowOne(m - select(most, 0.0, most == low)), off), lane);
  if (mine && member == 0u) {
    ${
      whole
        ? /* wgsl */ `
    let m = most;
    let s = sums.x;
    let off = sums.y;
    ${resultText(smoothed, saves, targetLogit)}`
        : "partials[unit] = vec4<f32>(most, sums, 0.0);"
    }
  }
}`,
  };
});

/** The same from a row's partial results, which an invocation puts together. */
const finishShader = shaders((smoothed: boolean, saves: boolean) => ({
  label: "crossEntropy",
  wgsl: /* wgsl */ `
struct Words { ${WORDS} }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<i32>;
@group(0) @binding(3) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
${saves ? "@group(0) @binding(5) var<storage, read_write> lses: array<f32>;" : ""}
${faultAt(saves ? 6 : 5)}
${mathFor("infinity() nan() isNan() logOf()")}
${exponentialText(false)}

${MAIN} {
  let row = group.x * ${WORKGROUP}u + lane;
  let mine = row < w.rows;
  if (!mine) { return; }
  ${targetText("false")}
  ${shiftText(smoothed, TARGET_LOGIT)}
  var m = -infinity();
  for (var i = 0u; i < w.parts; i++) { m = max(m, partials[row * w.parts + i].x); }
  let origin = select(m, 0.0, m == -infinity());
  var s = 0.0;
  var off = 0.0;
  for (var i = 0u; i < w.parts; i++) {
    let part = partials[row * w.parts + i];
    s += part.y * expBelowOne(part.x - origin);
    off += part.z;
  }
  ${resultText(smoothed, saves, TARGET_LOGIT)}
}`,
}));

export const crossEntropyWgsl: Planner<CrossEntropySignature, WebgpuStep> = {
  plan: ({ inputs: [logits, target], outputs: [, lse], attrs: { ignoreIndex, labelSmoothing } }) => {
    const [rows, classes] = logits.shape as [number, number];
    const { wide, lanes } = teamOf(classes, logits.offset);
    const words = classes / (wide ? 4 : 1);
    const most = Math.max(1, Math.min(Math.floor(classes / PART), Math.ceil(ENOUGH / rows)));
    const span = Math.ceil(words / most / lanes) * lanes;
    const parts = Math.ceil(words / span);
    const smoothed = labelSmoothing > 0;
    const outputs: Slot[] = [{ out: 0 }, ...(lse ? [{ out: 1 }] : [])];
    const partials = { scratch: 0 };
    const shared = {
      words: [...[classes, rows, span, parts, logits.offset, target.offset, ignoreIndex], { f32: labelSmoothing }],
      fault: (value: number) => noClass(value, classes, ignoreIndex),
    };
    const first: WebgpuStep = {
      ...shared,
      shader: forwardShader(smoothed, lse !== null && parts === 1, parts === 1, wide, lanes),
      bind: [{ in: 0 }, { in: 1 }, ...(parts === 1 ? outputs : [partials])],
      workgroups: Math.ceil((rows * parts * lanes) / WORKGROUP),
    };
    if (parts === 1) return { steps: [first] };
    const last: WebgpuStep = {
      ...shared,
      shader: finishShader(smoothed, lse !== null),
      bind: [{ in: 0 }, { in: 1 }, partials, ...outputs],
      workgroups: Math.ceil(rows / WORKGROUP),
    };
    return { steps: [first, last], scratchBytes: [rows * parts * 16] };
  },
};

/**
 * dx_c = dloss (e^(x_c − lse) − ε / classes), and (1 − ε) dloss less at the target; 0 in rows that are ignored. A team of invocations
 * writes a span of a row, four words each.
 */
const backwardShader = shaders((wide: boolean, lanes: number) => {
  const word = wordType(wide);
  const each = (text: (slot: number) => string): string => [0, 1, 2, 3].map(text).join("\n  ");
  const own = wide
    ? "select(vec4<f32>(0.0), vec4<f32>(w.own), vec4<u32>(4u * k) + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(class_))"
    : "select(0.0, w.own, k == class_)";
  return {
    label: "crossEntropyBackward",
    wgsl: /* wgsl */ `
struct Words { classes: u32, rows: u32, parts: u32, logitsStart: u32, targetStart: u32, ignore: i32, even: f32, own: f32, gStart: u32, gStep: u32, lseStart: u32, fault: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> dloss: array<f32>;
@group(0) @binding(2) var<storage, read> logits: array<${word}>;
@group(0) @binding(3) var<storage, read> targets: array<i32>;
@group(0) @binding(4) var<storage, read> lses: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<${word}>;
${faultAt(6)}
${mathFor("nan() isNan()")}
${exponentialText(wide)}

${MAIN} {
  let unit = (group.x + group.y * groups.x) * ${WORKGROUP / lanes}u + lane / ${lanes}u;
  let row = unit / w.parts;
  let mine = row < w.rows;
  if (!mine) { return; }
  let part = unit % w.parts;
  let member = lane % ${lanes}u;
  ${targetText("member == 0u && part == 0u")}
  let count = w.classes${wide ? " / 4u" : ""};
  let base = row * count;
  // A row without a loss has no gradient either; e^x takes NaN for −∞.
  let lse = lses[w.lseStart + row];
  let none = isNan(lse);
  let g = dloss[w.gStart + row * w.gStep];
  let at = part * ${4 * lanes}u + member;
  ${each((j) => `var v${j} = ${word}(0.0); if (counts && at + ${j * lanes}u < count) { v${j} = logits[w.logitsStart + base + at + ${j * lanes}u]; }`)}
  ${each((j) => `{ let k = at + ${j * lanes}u; if (k < count) { let d = select(g * ((expBelow(v${j} - lse) - w.even) - ${own}), ${word}(nan()), none); dx[base + k] = select(${word}(0.0), d, counts); } }`)}
}`,
  };
});

export const crossEntropyBackwardWgsl: Planner<CrossEntropyBackwardSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [dloss, logits, target, lse], attrs: { ignoreIndex, labelSmoothing } }) => {
    const [rows, classes] = logits.shape as [number, number];
    const { wide, lanes } = teamOf(classes, logits.offset);
    const width = wide ? 4 : 1;
    const parts = Math.ceil(classes / width / (4 * lanes));
    const step: WebgpuStep = {
      shader: backwardShader(wide, lanes),
      bind: [{ in: 0 }, { in: 1 }, { in: 2 }, { in: 3 }, { out: 0 }],
      words: [
        ...[classes, rows, parts, logits.offset / width, target.offset, ignoreIndex],
        ...[{ f32: labelSmoothing / classes }, { f32: 1 - labelSmoothing }],
        ...[dloss.offset, dloss.strides[0]!, lse.offset],
      ],
      workgroups: Math.ceil((rows * parts * lanes) / WORKGROUP),
      fault: (value) => noClass(value, classes, ignoreIndex),
    };
    return { steps: [step] };
  },
};
