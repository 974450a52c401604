import {
  input,
  kernel,
  output,
  read,
  variants,
  when,
  write,
  type Planner,
  type WebgpuStep,
} from "@tessera/tensor/extend";
import type { BatchNormBackwardSignature } from "./batch-norm.ts";
import { elementText, inRow, inX, partText, PLACES, placesOf, WORKGROUP } from "./channel-sums.wgsl.ts";

/** Σ dy and Σ dy (x − a − m) of each part of a channel; a is its first element, or 0 for fixed statistics. */
const sums = variants(({ centred }: { readonly centred: boolean }) =>
  kernel(
    {
      name: "batchNormBackward",
      workgroup: WORKGROUP,
      words: { ...PLACES, dyStart: "u32", shiftStart: "u32" },
      bind: { dy: read("f32"), x: read("f32"), shifts: read("f32"), partials: write("vec2<f32>") },
    },
    (k) => /* wgsl */ `
var<workgroup> cells: array<vec2<f32>, ${WORKGROUP}>;

${k.main} {
  ${partText(k.group)}
  let first = ${centred ? "x[base]" : "0.0"};
  let shift = shifts[w.shiftStart + c];
  var sum = vec2<f32>();
  for (var i = part * w.span + lane; i < end; i += ${WORKGROUP}u) {
    let given = dy[w.dyStart + ${inRow("i")}];
    sum += given * vec2<f32>(1.0, x[${inX("i")}] - first - shift);
  }
  cells[lane] = sum;
  workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { cells[lane] += cells[lane + step]; }
    workgroupBarrier();
  }
  if (mine && lane == 0u) { partials[unit] = cells[0]; }
}`,
  ),
);

/** The parts of each channel added up: dBias = Σ dy, dWeight = Σ dy (x − a − m) / √(σ² + eps). */
const join = kernel(
  {
    name: "batchNormBackward",
    workgroup: WORKGROUP,
    words: { channels: "u32", parts: "u32", eps: "f32", varianceStart: "u32" },
    bind: { partials: read("vec2<f32>"), variances: read("f32"), dWeight: write("f32"), dBias: write("f32") },
  },
  (k) => /* wgsl */ `
${k.main} {
  let c = ${k.invocation};
  if (c >= w.channels) { return; }
  var sum = vec2<f32>();
  for (var part = 0u; part < w.parts; part++) { sum += partials[c * w.parts + part]; }
  dBias[c] = sum.x;
  dWeight[c] = sum.y / sqrt(variances[w.varianceStart + c] + w.eps);
}`,
);

type Choices = { readonly centred: boolean; readonly weight: boolean };

/** dx = r weight (dy − dBias / n − x̂ dWeight / n), without the means for fixed statistics; one element an invocation. */
const map = variants(({ centred, weight }: Choices) =>
  kernel(
    {
      name: "batchNormBackward",
      workgroup: WORKGROUP,
      words: {
        ...PLACES,
        elements: "u32",
        eps: "f32",
        size: "f32",
        dyStart: "u32",
        varianceStart: "u32",
        shiftStart: when(centred, "u32"),
        weightStart: when(weight, "u32"),
      },
      bind: {
        dy: read("f32"),
        x: when(centred, read("f32")),
        variances: read("f32"),
        shifts: when(centred, read("f32")),
        dWeight: when(centred, read("f32")),
        dBias: when(centred, read("f32")),
        weight: when(weight, read("f32")),
        dx: write("f32"),
      },
    },
    (k) => /* wgsl */ `
${k.main} {
  let at = ${k.invocation};
  if (at >= w.elements) { return; }
  ${elementText}
  let scale = 1.0 / sqrt(variances[w.varianceStart + c] + w.eps);
  let given = dy[w.dyStart + at];
  ${
    centred
      ? /* wgsl */ `
  let hat = (x[place] - x[w.xStart + c * w.cStep] - shifts[w.shiftStart + c]) * scale;
  let g = given - dBias[c] / w.size - hat * (dWeight[c] / w.size);`
      : "let g = given;"
  }
  dx[at] = g * scale${weight ? " * weight[w.weightStart + c]" : ""};
}`,
  ),
);

export const batchNormBackwardWgsl: Planner<BatchNormBackwardSignature, WebgpuStep> = {
  strided: [1],
  plan: ({ inputs: [dy, x, weight, mean, variance, shift], attrs: { eps } }) => {
    const { words, groups, partials, scratchBytes, elements } = placesOf(x, 2);
    const { channels, parts, count } = words;
    const centred = shift !== null;
    const [shifts, shiftStart] = [input(centred ? 5 : 3), (shift ?? mean)!.offset];
    const variances = input(4);
    const varianceStart = variance.offset;
    const first = sums({ centred })(
      { ...words, dy: input(0), dyStart: dy.offset, x: input(1), shifts, shiftStart, partials },
      { workgroups: groups },
    );
    const second = join(
      { channels, parts, eps, partials, variances, varianceStart, dWeight: output(1), dBias: output(2) },
      { workgroups: Math.ceil(channels / WORKGROUP) },
    );
    const third = map({ centred, weight: weight !== null })(
      {
        ...words,
        elements,
        eps,
        size: count,
        dy: input(0),
        dyStart: dy.offset,
        x: centred ? input(1) : null,
        variances,
        varianceStart,
        shifts: centred ? shifts : null,
        shiftStart: centred ? shiftStart : null,
        dWeight: centred ? output(1) : null,
        dBias: centred ? output(2) : null,
        weight: weight && input(2),
        weightStart: weight && weight.offset,
        dx: output(0),
      },
      { workgroups: Math.ceil(elements / WORKGROUP) },
    );
    return { steps: elements > 0 ? [first, second, third] : [first, second], scratchBytes };
  },
};
