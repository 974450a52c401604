import { kernel, read, readStruct, write, writeStruct, type WordType } from "../../backends/webgpu/kernel.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import { namedBuffers, vectors } from "../../backends/webgpu/word-groups.ts";
import type { DeviceProfile } from "../../device-profile.ts";
import type { Plan, Planner, Slot, WebgpuStep } from "../../op.ts";
import { numel, type Layout } from "../../shape.ts";
import { input, scalar, scratch } from "../../slots.ts";
import type { AdamSignature, SgdSignature } from "./update.ts";

const WORKGROUP = 256;

/** What all elements of a step share; `go` is 0 when nothing may change. */
const common = /* wgsl */ `
struct Common { go: u32, first: u32, scale: f32, size: f32, keep: f32, root: f32 }`;

/**
 * From the steps taken so far and the gradient's coefficient: whether to go on, size = lr / (1 - b1^k), keep = 1 - lr decay and
 * root = 1 / sqrt(1 - b2^k), with k = count + 1. Then the count rises. One invocation. 1 - b^k = -(e^(k ln b) - 1) keeps all its digits
 * where b^k is near 1. Logarithms of -104 and less make size = lr and root = 1.
 */
const begin = variants(({ label }: { readonly label: string }) =>
  kernel(
    {
      name: label,
      workgroup: 1,
      words: { countAt: "u32", scaleAt: "u32", lr: "f32", decay: "f32", logBeta1: "f32", logBeta2: "f32" },
      bind: { count: write("i32"), scales: read("f32"), c: writeStruct("Common") },
    },
    (k) => /* wgsl */ `
${common}
${mathFor("expOf()")}
fn oneMinusPower(k: f32, logBeta: f32) -> f32 {
  let x = max(k * logBeta, -104.0);
  if (x < -0.6) { return 1.0 - expOf(x); }
  var y = 1.0 + x / 9.0;
  for (var n = 8.0; n > 1.5; n -= 1.0) { y = fma(y, x / n, 1.0); }
  return -x * y;
}

${k.main} {
  let scale = scales[w.scaleAt];
  let finite = (bitcast<u32>(scale) & 0x7f800000u) != 0x7f800000u;
  let taken = count[w.countAt];
  c.go = u32(finite);
  c.first = u32(taken == 0);
  c.scale = scale;
  let k = f32(taken) + 1.0;
  c.size = w.lr / oneMinusPower(k, w.logBeta1);
  c.keep = 1.0 - w.lr * w.decay;
  c.root = 1.0 / sqrt(oneMinusPower(k, w.logBeta2));
  if (finite) { count[w.countAt] = taken + 1; }
}`,
  ),
);

/** How a family of updates reads: its tensors by name, which of them it writes, and an element's new values. */
interface Rule<W extends { readonly [name: string]: WordType }> {
  readonly label: string;
  readonly tensors: readonly string[];
  readonly written: readonly string[];
  /** Words that are not per tensor. */
  readonly words: W;
  /** Statements that change the vectors named like the tensors: `p`, `g` and so on. Vectors of T. */
  readonly change: string;
}

/**
 * g = scale gradient (+ coupled p);  m += rest1 (g - m);  v = beta2 v + rest2 g^2;  p = keep p - size m / (sqrt(v) root + eps)
 */
const adamRule = {
  label: "adam",
  tensors: ["p", "g", "m", "v"],
  written: ["p", "m", "v"],
  words: { rest1: "f32", beta2: "f32", rest2: "f32", eps: "f32", coupled: "f32" },
  change: /* wgsl */ `
  if (w.coupled == 0.0) { g *= c.scale; } else { g = g * c.scale + p * w.coupled; }
  m += (g - m) * w.rest1;
  v = v * w.beta2 + g * g * w.rest2;
  p = p * c.keep - c.size * (m / (sqrt(v) * c.root + w.eps));`,
} as const;

/** g = scale gradient + decay p;  p -= lr g */
const sgdRule = {
  label: "sgd",
  tensors: ["p", "g"],
  written: ["p"],
  words: { decay: "f32" },
  change: /* wgsl */ `
  if (w.decay == 0.0) { p -= c.size * (g * c.scale); } else { p -= c.size * (g * c.scale + p * w.decay); }`,
} as const;

/** g = scale gradient + decay p;  b = g at first, then momentum b + rest g;  p -= lr (g + momentum b with nesterov, else b) */
const momentumRule = {
  label: "sgdMomentum",
  tensors: ["p", "g", "b"],
  written: ["p", "b"],
  words: { decay: "f32", momentum: "f32", rest: "f32", nesterov: "u32" },
  change: /* wgsl */ `
  if (w.decay == 0.0) { g *= c.scale; } else { g = g * c.scale + p * w.decay; }
  b = select(b * w.momentum + g * w.rest, g, c.first == 1u);
  p -= c.size * select(b, g + b * w.momentum, w.nesterov == 1u);`,
} as const;

/**
 * Several parameters in place: a workgroup belongs to the first of them whose end lies beyond it. An invocation changes one vec4, or
 * one element where a view does not start at a whole vec4. Of a last vec4 only what belongs to the tensor is written: it may be
 * a view, and its neighbours are not ours. `parts` holds the end, the elements and the starts of each parameter.
 */
const updateKernels = <const W extends { readonly [name: string]: WordType }>(rule: Rule<W>) =>
  variants(({ parts, width }: { readonly parts: number; readonly width: 1 | 4 }) => {
    const { label, tensors, written, words, change } = rule;
    const type = width === 4 ? "vec4<f32>" : "f32";
    const indices = Array.from({ length: parts }, (_, i) => i);
    const buffers = indices.flatMap((i) =>
      tensors.map((tensor) => [`${tensor}s${i}`, written.includes(tensor) ? write(type) : read(type)] as const),
    );
    const perPart = (statements: (i: number) => readonly string[]): string =>
      `switch part {\n${indices.map((i) => `    case ${i}u: { ${statements(i).join(" ")} }`).join("\n")}\n    default: {}\n  }`;
    const whole = (i: number): string[] => written.map((tensor) => `${tensor}s${i}[${tensor}At] = ${tensor};`);
    const piece = (i: number): string[] =>
      written.map((tensor) => {
        const at = `${tensor}s${i}[${tensor}At]`;
        const lanes = ["y", "z"].map((d, lane) => `if (left > ${lane + 1}u) { ${at}.${d} = ${tensor}.${d}; }`);
        return [`${at}.x = ${tensor}.x;`, ...lanes].join(" ");
      });
    return kernel(
      {
        name: label,
        workgroup: WORKGROUP,
        words: { ...words, parts: vectors(2 * parts) },
        bind: { c: readStruct("Common"), tensors: namedBuffers(buffers) },
      },
      (k) => /* wgsl */ `
${common}

${k.main} {
  let number = ${k.group};
  if (c.go == 0u || number >= w.parts[${2 * parts - 2}].x) { return; }
  var part = 0u;
  var begin = 0u;
  while (number >= w.parts[2u * part].x) { begin = w.parts[2u * part].x; part++; }
  let i = (number - begin) * ${WORKGROUP}u + lane;
  let count = w.parts[2u * part].y;
  if (${width}u * i >= count) { return; }
  let left = count - ${width}u * i;
  let starts = w.parts[2u * part + 1u];
  ${tensors.map((tensor, t) => `let ${tensor}At = starts[${t}] + i; var ${tensor} = ${type}();`).join("\n  ")}
  ${perPart((i) => tensors.map((tensor) => `${tensor} = ${tensor}s${i}[${tensor}At];`))}
  ${change}
  ${width === 1 ? perPart(whole) : `if (left >= 4u) { ${perPart(whole)} }\n  else { ${perPart(piece)} }`}
}`,
    );
  });
const adamKernel = updateKernels(adamRule);
const sgdKernel = updateKernels(sgdRule);
const momentumKernel = updateKernels(momentumRule);

/** Tensors side by side among the inputs, with elements, that are read in vectors of one width. */
interface Part {
  readonly at: number;
  readonly count: number;
  readonly width: 1 | 4;
  readonly starts: readonly number[];
}

const partsOf = (inputs: readonly (Layout | null)[], each: number, end: number): Part[] => {
  const parts: Part[] = [];
  for (let at = 0; at + each <= end; at += each) {
    const layouts = inputs.slice(at, at + each) as Layout[];
    const count = numel(layouts[0]!.shape);
    const width = layouts.every(({ offset }) => offset % 4 === 0) ? 4 : 1;
    if (count > 0) parts.push({ at, count, width, starts: layouts.map(({ offset }) => offset / width) });
  }
  return parts;
};

/** As many parts together as `most`, all of one width: a dispatch each. */
const batchesOf = (parts: readonly Part[], max: number): Part[][] => {
  const batches: Part[][] = [];
  for (const width of [4, 1]) {
    const same = parts.filter((part) => part.width === width);
    for (let i = 0; i < same.length; i += max) batches.push(same.slice(i, i + max));
  }
  return batches;
};

/** Storage buffers that a dispatch can have; beyond some it is the words that grow. */
const buffersOf = ({ limits }: DeviceProfile): number => Math.min(limits.maxStorageBuffersPerShaderStage, 17);

/** e^-104 is 0 in float32 already, and unlike ln 0 a number that a GPU may be trusted with. */
const logarithm = (beta: number): number => Math.max(Math.log(beta), -104);

/** What all updates are called with: their parameters' words and tensors, and what the first step found. */
interface Updated {
  readonly parts: readonly number[];
  readonly c: Slot;
  readonly tensors: readonly Slot[];
}

/** An optimiser's step. `inputs`: its tensors, those of one parameter side by side, then the count and the coefficient. */
interface Update {
  readonly rule: Rule<{ readonly [name: string]: WordType }>;
  readonly inputs: readonly Layout[];
  readonly decay: number;
  readonly beta1: number;
  readonly beta2: number;
  /** The step that changes parameters that are read in vectors of one width. */
  readonly change: (
    variant: { readonly parts: number; readonly width: 1 | 4 },
    updated: Updated,
    dispatch: { readonly workgroups: number },
  ) => WebgpuStep;
}

const COMMON_BYTES = 24;

/** One step that prepares and counts, then one for as many parameters as can be bound together. */
const planUpdate = ({ rule, inputs, decay, beta1, beta2, change }: Update, device: DeviceProfile): Plan<WebgpuStep> => {
  const each = rule.tensors.length;
  const [count, scale] = [inputs.length - 2, inputs.length - 1];
  const c = scratch(0);
  const prepare = begin({ label: rule.label })(
    {
      countAt: inputs[count]!.offset,
      scaleAt: inputs[scale]!.offset,
      lr: scalar("lr"),
      decay,
      logBeta1: logarithm(beta1),
      logBeta2: logarithm(beta2),
      count: input(count),
      scales: input(scale),
      c,
    },
    { workgroups: 1 },
  );
  const max = Math.max(1, Math.floor((buffersOf(device) - 1) / each));
  const updates = batchesOf(partsOf(inputs, each, count), max).map((batch) => {
    const { width } = batch[0]!;
    const tensors: Slot[] = [];
    const parts: number[] = [];
    let end = 0;
    for (const part of batch) {
      end += Math.ceil(part.count / width / WORKGROUP);
      const [p = 0, g = 0, m = 0, v = 0] = part.starts;
      parts.push(end, part.count, 0, 0, p, g, m, v);
      for (let i = 0; i < each; i++) tensors.push(input(part.at + i));
    }
    return change({ parts: batch.length, width }, { parts, c, tensors }, { workgroups: end });
  });
  return { steps: [prepare, ...updates], scratchBytes: [COMMON_BYTES] };
};

export const adamWgsl: Planner<AdamSignature, WebgpuStep> = {
  plan: ({ inputs, attrs: { beta1, beta2, eps, weightDecay, decoupled } }, device) => {
    const words = { rest1: 1 - beta1, beta2, rest2: 1 - beta2, eps, coupled: decoupled ? 0 : weightDecay };
    const change: Update["change"] = (variant, updated, dispatch) =>
      adamKernel(variant)({ ...words, ...updated }, dispatch);
    return planUpdate({ rule: adamRule, inputs, decay: decoupled ? weightDecay : 0, beta1, beta2, change }, device);
  },
};

export const sgdWgsl: Planner<SgdSignature, WebgpuStep> = {
  plan: ({ inputs, attrs: { momentum, dampening, weightDecay, nesterov } }, device) => {
    const shared = { inputs, decay: 0, beta1: 0, beta2: 0 };
    const decay = weightDecay;
    if (momentum === 0) {
      const change: Update["change"] = (variant, updated, dispatch) =>
        sgdKernel(variant)({ decay, ...updated }, dispatch);
      return planUpdate({ ...shared, rule: sgdRule, change }, device);
    }
    const words = { decay, momentum, rest: 1 - dampening, nesterov: Number(nesterov) };
    const change: Update["change"] = (variant, updated, dispatch) =>
      momentumKernel(variant)({ ...words, ...updated }, dispatch);
    return planUpdate({ ...shared, rule: momentumRule, change }, device);
  },
};
