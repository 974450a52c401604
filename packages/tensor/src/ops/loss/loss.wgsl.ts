import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Planner, WebgpuStep } from "../../op.ts";
import { input, output, scratch } from "../../slots.ts";
import { larger, plus, teamJoin, teamOf, WORKGROUP, wordType, type Team } from "../reduce/team.wgsl.ts";
import { exponentialText, onlineText, sumOf } from "../softmax/exponential.wgsl.ts";
import { noClass } from "./loss.reference.ts";
import type { CrossEntropyBackwardSignature, CrossEntropySignature } from "./loss.ts";

/** Workgroups that keep a large GPU busy, and the classes of a part of a row, at least. */
const TARGET_GROUPS = 1024;
const MIN_PART = 4096;

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

const WORDS = {
  classes: "u32",
  rows: "u32",
  span: "u32",
  parts: "u32",
  logitsStart: "u32",
  targetStart: "u32",
  ignore: "i32",
  smoothing: "f32",
} as const;

interface ForwardChoices {
  readonly smoothed: boolean;
  /** Whether it writes lse. */
  readonly saves: boolean;
  readonly whole: boolean;
  readonly wide: boolean;
  readonly lanes: number;
}

/**
 * loss = ln Σ_c e^(x_c − m) − ((1 − ε)(x_t − m) + ε mean(x − m)) of each row, m = max x, and lse = m + ln Σ: a team of invocations reads a
 * part of a row once. `whole` rows are finished here; of others m, s and off go to `partials`.
 */
const forwardKernel = variants(({ smoothed, saves, whole, wide, lanes }: ForwardChoices) => {
  const team: Team = { wide, lanes, held: false, strided: false };
  const word = wordType(wide);
  const targetLogit = wide ? "logits[w.logitsStart / 4u + (row * w.classes + class_) / 4u][class_ % 4u]" : TARGET_LOGIT;
  return kernel(
    {
      name: "crossEntropy",
      workgroup: WORKGROUP,
      words: WORDS,
      bind: {
        logits: read(word),
        targets: read("i32"),
        losses: when(whole, write("f32")),
        lses: when(whole && saves, write("f32")),
        partials: when(!whole, write("vec4<f32>")),
      },
      faults: true,
    },
    (k) => /* wgsl */ `
${mathFor("infinity() nan() isNan() logOf()")}
${exponentialText(wide)}
${teamJoin("largest", "f32", lanes, larger)}
${teamJoin("total", "vec2<f32>", lanes, plus)}

${k.main} {
  let unit = (${k.group}) * ${WORKGROUP / lanes}u + lane / ${lanes}u;
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
    (at) => `logits[${at}]`,
    (value) => (smoothed ? `{ let d = ${value} - shift; off += ${sumOf(wide, "d")}; }` : ""),
  )}
  let rowMax = largest(m, lane);
  let sums = total(vec2<f32>(s * expBelowOne(m - select(rowMax, 0.0, rowMax == low)), off), lane);
  if (mine && member == 0u) {
    ${
      whole
        ? /* wgsl */ `
    let m = rowMax;
    let s = sums.x;
    let off = sums.y;
    ${resultText(smoothed, saves, targetLogit)}`
        : "partials[unit] = vec4<f32>(most, sums, 0.0);"
    }
  }
}`,
  );
});

/** The same from a row's partial results, which an invocation puts together. */
const finishKernel = variants(({ smoothed, saves }: Pick<ForwardChoices, "smoothed" | "saves">) =>
  kernel(
    {
      name: "crossEntropy",
      workgroup: WORKGROUP,
      words: WORDS,
      bind: {
        logits: read("f32"),
        targets: read("i32"),
        partials: read("vec4<f32>"),
        losses: write("f32"),
        lses: when(saves, write("f32")),
      },
      faults: true,
    },
    (k) => /* wgsl */ `
${mathFor("infinity() nan() isNan() logOf()")}
${exponentialText(false)}

${k.main} {
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
  ),
);

export const crossEntropyWgsl: Planner<CrossEntropySignature, WebgpuStep> = {
  plan: ({ inputs: [logits, target], outputs: [, lse], attrs: { ignoreIndex, labelSmoothing } }) => {
    const [rows, classes] = logits.shape as [number, number];
    const { wide, lanes } = teamOf(classes, logits.offset);
    const words = classes / (wide ? 4 : 1);
    const max = Math.max(1, Math.min(Math.floor(classes / MIN_PART), Math.ceil(TARGET_GROUPS / rows)));
    const span = Math.ceil(words / max / lanes) * lanes;
    const parts = Math.ceil(words / span);
    const smoothed = labelSmoothing > 0;
    const [whole, saves] = [parts === 1, lse !== null];
    const fault = (value: number): string => noClass(value, classes, ignoreIndex);
    const args = {
      classes,
      rows,
      span,
      parts,
      logitsStart: logits.offset,
      targetStart: target.offset,
      ignore: ignoreIndex,
      smoothing: labelSmoothing,
      logits: input(0),
      targets: input(1),
    };
    const results = { losses: output(0), lses: saves ? output(1) : null };
    const first = forwardKernel({ smoothed, saves: saves && whole, whole, wide, lanes })(
      { ...args, ...(whole ? { ...results, partials: null } : { losses: null, lses: null, partials: scratch(0) }) },
      { workgroups: Math.ceil((rows * parts * lanes) / WORKGROUP), fault },
    );
    if (whole) return { steps: [first] };
    const last = finishKernel({ smoothed, saves })(
      { ...args, ...results, partials: scratch(0) },
      { workgroups: Math.ceil(rows / WORKGROUP), fault },
    );
    return { steps: [first, last], scratchBytes: [rows * parts * 16] };
  },
};

/**
 * dx_c = dloss (e^(x_c − lse) − ε / classes), and (1 − ε) dloss less at the target; 0 in rows that are ignored. A team of invocations
 * writes a span of a row, four words each.
 */
const backwardKernel = variants(({ wide, lanes }: Pick<ForwardChoices, "wide" | "lanes">) => {
  const word = wordType(wide);
  const each = (text: (slot: number) => string): string => [0, 1, 2, 3].map(text).join("\n  ");
  const own = wide
    ? "select(vec4<f32>(0.0), vec4<f32>(w.own), vec4<u32>(4u * k) + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(class_))"
    : "select(0.0, w.own, k == class_)";
  return kernel(
    {
      name: "crossEntropyBackward",
      workgroup: WORKGROUP,
      words: {
        classes: "u32",
        rows: "u32",
        parts: "u32",
        logitsStart: "u32",
        targetStart: "u32",
        ignore: "i32",
        even: "f32",
        own: "f32",
        gStart: "u32",
        gStep: "u32",
        lseStart: "u32",
      },
      bind: { dloss: read("f32"), logits: read(word), targets: read("i32"), lses: read("f32"), dx: write(word) },
      faults: true,
    },
    (k) => /* wgsl */ `
${mathFor("nan() isNan()")}
${exponentialText(wide)}

${k.main} {
  let unit = (${k.group}) * ${WORKGROUP / lanes}u + lane / ${lanes}u;
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
  );
});

export const crossEntropyBackwardWgsl: Planner<CrossEntropyBackwardSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [dloss, logits, target, lse], attrs: { ignoreIndex, labelSmoothing } }) => {
    const [rows, classes] = logits.shape as [number, number];
    const { wide, lanes } = teamOf(classes, logits.offset);
    const width = wide ? 4 : 1;
    const parts = Math.ceil(classes / width / (4 * lanes));
    const step = backwardKernel({ wide, lanes })(
      {
        classes,
        rows,
        parts,
        logitsStart: logits.offset / width,
        targetStart: target.offset,
        ignore: ignoreIndex,
        even: labelSmoothing / classes,
        own: 1 - labelSmoothing,
        gStart: dloss.offset,
        gStep: dloss.strides[0]!,
        lseStart: lse.offset,
        dloss: input(0),
        logits: input(1),
        targets: input(2),
        lses: input(3),
        dx: output(0),
      },
      {
        workgroups: Math.ceil((rows * parts * lanes) / WORKGROUP),
        fault: (value) => noClass(value, classes, ignoreIndex),
      },
    );
    return { steps: [step] };
  },
};
