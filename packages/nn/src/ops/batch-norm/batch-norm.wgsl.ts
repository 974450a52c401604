import {
  input,
  kernel,
  output,
  read,
  scratch,
  variants,
  when,
  write,
  type Planner,
  type WebgpuStep,
} from "@tessera/tensor/extend";
import type { BatchNormSignature, RunningStatisticsSignature } from "./batch-norm.ts";
import { elementText, inX, partText, PLACES, placesOf, WORKGROUP } from "./channel-sums.wgsl.ts";

/** (elements, mean, Σ (x − mean)²) of two sets as those of both. After Chan, Golub and LeVeque 1983. */
const JOIN = /* wgsl */ `
fn joined(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
  let n = a.x + b.x;
  if (n == 0.0) { return a; }
  let d = b.y - a.y;
  return vec3<f32>(n, a.y + d * (b.x / n), a.z + b.z + d * d * (a.x * b.x / n));
}`;

/**
 * The statistics of each part of a channel, less its first element: an invocation takes every 256th element (Welford 1962), and their
 * results are joined in a fixed order.
 */
const sums = kernel(
  {
    name: "batchNorm",
    workgroup: WORKGROUP,
    words: PLACES,
    bind: { x: read("f32"), partials: write("f32") },
  },
  (k) => /* wgsl */ `
${JOIN}
var<workgroup> cells: array<vec3<f32>, ${WORKGROUP}>;

${k.main} {
  ${partText(k.group)}
  let first = x[base];
  var all = vec3<f32>();
  for (var i = part * w.span + lane; i < end; i += ${WORKGROUP}u) {
    let d = x[${inX("i")}] - first;
    all.x += 1.0;
    let before = d - all.y;
    all.y += before / all.x;
    all.z += before * (d - all.y);
  }
  cells[lane] = all;
  workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { cells[lane] = joined(cells[lane], cells[lane + step]); }
    workgroupBarrier();
  }
  if (mine && lane == 0u) {
    let total = cells[0];
    partials[3u * unit] = total.x;
    partials[3u * unit + 1u] = total.y;
    partials[3u * unit + 2u] = total.z;
  }
}`,
);

/** The parts of each channel joined, one invocation for each. */
const join = variants(({ saves }: { readonly saves: boolean }) =>
  kernel(
    {
      name: "batchNorm",
      workgroup: WORKGROUP,
      words: { channels: "u32", parts: "u32", count: "f32", xStart: "u32", cStep: "u32" },
      bind: {
        x: read("f32"),
        partials: read("f32"),
        means: write("f32"),
        variances: write("f32"),
        shifts: when(saves, write("f32")),
        // Read by the next step; where nothing is saved, the means do.
        offsets: when(!saves, write("f32")),
      },
    },
    (k) => /* wgsl */ `
${JOIN}
${k.main} {
  let c = ${k.invocation};
  if (c >= w.channels) { return; }
  var all = vec3<f32>();
  for (var part = 0u; part < w.parts; part++) {
    let at = 3u * (c * w.parts + part);
    all = joined(all, vec3<f32>(partials[at], partials[at + 1u], partials[at + 2u]));
  }
  means[c] = x[w.xStart + c * w.cStep] + all.y;
  variances[c] = all.z / w.count;
  ${saves ? "shifts" : "offsets"}[c] = all.y;
}`,
  ),
);

type Choices = { readonly fixed: boolean; readonly weight: boolean; readonly bias: boolean };

/** y = (x − a − m) / √(σ² + eps) · weight + bias, one element an invocation; a is the channel's first element, or 0 for fixed statistics. */
const normalize = variants(({ fixed, weight, bias }: Choices) =>
  kernel(
    {
      name: "batchNorm",
      workgroup: WORKGROUP,
      words: {
        ...PLACES,
        elements: "u32",
        eps: "f32",
        meanStart: "u32",
        varianceStart: "u32",
        weightStart: when(weight, "u32"),
        biasStart: when(bias, "u32"),
      },
      bind: {
        x: read("f32"),
        means: read("f32"),
        variances: read("f32"),
        weight: when(weight, read("f32")),
        bias: when(bias, read("f32")),
        y: write("f32"),
      },
    },
    (k) => /* wgsl */ `
${k.main} {
  let at = ${k.invocation};
  if (at >= w.elements) { return; }
  ${elementText}
  let first = ${fixed ? "0.0" : "x[w.xStart + c * w.cStep]"};
  let scale = ${weight ? "weight[w.weightStart + c]" : "1.0"} / sqrt(variances[w.varianceStart + c] + w.eps);
  y[at] = (x[place] - first - means[w.meanStart + c]) * scale${bias ? " + bias[w.biasStart + c]" : ""};
}`,
  ),
);

export const batchNormWgsl: Planner<BatchNormSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, weight, bias, mean, variance], outputs: [, , , shift], attrs: { eps } }) => {
    const { words, groups, partials, scratchBytes, elements } = placesOf(x, 3);
    const { channels } = words;
    const offsets = shift ? output(3) : scratch(1);
    const last = normalize({ fixed: mean !== null, weight: weight !== null, bias: bias !== null })(
      {
        ...words,
        elements,
        eps,
        x: input(0),
        means: mean ? input(3) : offsets,
        variances: mean ? input(4) : output(2),
        meanStart: mean?.offset ?? 0,
        varianceStart: variance?.offset ?? 0,
        weight: weight && input(1),
        weightStart: weight && weight.offset,
        bias: bias && input(2),
        biasStart: bias && bias.offset,
        y: output(0),
      },
      { workgroups: Math.ceil(elements / WORKGROUP) },
    );
    if (mean) return { steps: [last] };
    const { count, xStart, cStep, parts } = words;
    const first = sums({ ...words, x: input(0), partials }, { workgroups: groups });
    const second = join({ saves: shift !== null })(
      {
        channels,
        parts,
        count,
        xStart,
        cStep,
        x: input(0),
        partials,
        means: output(1),
        variances: output(2),
        shifts: shift && offsets,
        offsets: shift ? null : offsets,
      },
      { workgroups: Math.ceil(channels / WORKGROUP) },
    );
    return { steps: [first, second, last], scratchBytes: [...scratchBytes, channels * 4] };
  },
};

/** As the reference, one channel an invocation. */
const running = variants(({ cumulative }: { readonly cumulative: boolean }) =>
  kernel(
    {
      name: "runningStatistics",
      workgroup: WORKGROUP,
      words: {
        channels: "u32",
        momentum: "f32",
        bessel: "f32",
        meanStart: "u32",
        varianceStart: "u32",
        runningMeanStart: "u32",
        runningVarianceStart: "u32",
        batchesStart: "u32",
      },
      bind: {
        mean: read("f32"),
        variance: read("f32"),
        runningMean: read("f32"),
        runningVariance: read("f32"),
        batches: read("i32"),
        newMean: write("f32"),
        newVariance: write("f32"),
        newBatches: write("i32"),
      },
    },
    (k) => /* wgsl */ `
${k.main} {
  let c = ${k.invocation};
  let count = batches[w.batchesStart] + 1;
  if (c == 0u) { newBatches[0] = count; }
  if (c >= w.channels) { return; }
  let share = ${cumulative ? "1.0 / f32(count)" : "w.momentum"};
  let m = runningMean[w.runningMeanStart + c];
  let v = runningVariance[w.runningVarianceStart + c];
  newMean[c] = m + (mean[w.meanStart + c] - m) * share;
  newVariance[c] = v + (variance[w.varianceStart + c] * w.bessel - v) * share;
}`,
  ),
);

export const runningStatisticsWgsl: Planner<RunningStatisticsSignature, WebgpuStep> = {
  plan: ({ inputs, attrs: { momentum, samples } }) => {
    const [mean, variance, runningMean, runningVariance, batches] = inputs;
    const channels = mean.shape[0]!;
    const step = running({ cumulative: momentum === null })(
      {
        channels,
        momentum: momentum ?? 0,
        bessel: samples / (samples - 1),
        mean: input(0),
        variance: input(1),
        runningMean: input(2),
        runningVariance: input(3),
        batches: input(4),
        meanStart: mean.offset,
        varianceStart: variance.offset,
        runningMeanStart: runningMean.offset,
        runningVarianceStart: runningVariance.offset,
        batchesStart: batches.offset,
        newMean: output(0),
        newVariance: output(1),
        newBatches: output(2),
      },
      { workgroups: Math.max(1, Math.ceil(channels / WORKGROUP)) },
    );
    return { steps: [step] };
  },
};
