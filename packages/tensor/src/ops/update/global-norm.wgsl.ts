import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import { buffers, vectors } from "../../backends/webgpu/word-groups.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { numel, type Layout } from "../../shape.ts";
import { input, output, scratch } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import { fillStepWgsl } from "../move/move.wgsl.ts";

const WORKGROUP = 128;
/** Partial sums that one workgroup can still add up quickly, and vec4s that an invocation squares at least. */
const MAX_PARTIALS = 2048;
const MIN_LOOPS = 16;
/** vec4s that an invocation has on their way from memory at a time. */
const TOGETHER = 4;
/** Tensors of one dispatch: each takes a buffer and four words. */
const MAX_TENSORS = 15;

/**
 * Squares of large and of small numbers leave the range of float32: they are summed apart, scaled by powers of two (after Blue, "A portable
 * Fortran program to find the Euclidean norm of a vector", 1978). x: |x| > 2^40, scaled by 2^-76; y: the others; z: |x| < 2^-50,
 * scaled by 2^74. NaN counts as one of the others.
 */
const squares = /* wgsl */ `
fn squares(v: vec4<f32>) -> vec4<f32> {
  let a = abs(v);
  let large = a > vec4<f32>(1.099511627776e12);
  let small = a < vec4<f32>(8.881784197001252e-16);
  let none = vec4<f32>();
  let x = select(none, v * 1.3234889800848443e-23, large);
  let z = select(none, v * 1.888946593147858e22, small);
  let y = select(select(v, none, large), none, small);
  return vec4<f32>(dot(x, x), dot(y, y), dot(z, z), 0.0);
}`;

/** Sums what the lanes of a workgroup hold, in a fixed order, into `sums[0]`. */
const tree = /* wgsl */ `
var<workgroup> sums: array<vec4<f32>, ${WORKGROUP}>;
fn addUp(lane: u32, value: vec4<f32>) {
  sums[lane] = value;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
}`;

/**
 * partials[first + g] = the three sums of a workgroup: `loops` vec4s an invocation, of the first tensor whose end lies beyond the
 * workgroup. `parts` holds the end, the elements and the start of each tensor.
 */
const sumSquares = variants(({ parts, width }: { readonly parts: number; readonly width: 1 | 4 }) => {
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const indices = range(parts);
  // Beyond the end, the last elements are read again, and dropped.
  const load = (i: number, at: string): string =>
    width === 4
      ? `xs${i}[start + min(${at}, (count - 1u) / 4u)]`
      : `vec4<f32>(${range(4)
          .map((d) => `xs${i}[start + min(4u * ${at} + ${d}u, count - 1u)]`)
          .join(", ")})`;
  const together = (text: (t: number) => string): string => range(TOGETHER).map(text).join(" ");
  return kernel(
    {
      name: "globalNorm",
      workgroup: WORKGROUP,
      words: { first: "u32", loops: "u32", parts: vectors(parts) },
      bind: { partials: write("vec4<f32>"), xs: buffers(parts, read(width === 4 ? "vec4<f32>" : "f32")) },
    },
    (k) => /* wgsl */ `
${squares}
${tree}

${k.main} {
  let number = ${k.group};
  var sum = vec4<f32>();
  let inside = number < w.parts[${parts - 1}].x;
  if (inside) {
    var part = 0u;
    var begin = 0u;
    while (number >= w.parts[part].x) { begin = w.parts[part].x; part++; }
    let count = w.parts[part].y;
    let start = w.parts[part].z;
    let first = (number - begin) * w.loops * ${WORKGROUP}u + lane;
    for (var k = 0u; k < w.loops; k += ${TOGETHER}u) {
      ${together((t) => `let at${t} = first + (k + ${t}u) * ${WORKGROUP}u; var v${t} = vec4<f32>();`)}
      if (4u * at0 >= count) { break; }
      switch part {
        ${indices.map((i) => `case ${i}u: { ${together((t) => `v${t} = ${load(i, `at${t}`)};`)} }`).join("\n        ")}
        default: {}
      }
      ${together((t) => `sum += squares(select(vec4<f32>(), v${t}, 4u * at${t} + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count)));`)}
    }
  }
  addUp(lane, sum);
  if (lane == 0u && inside) { partials[w.first + number] = sums[0]; }
}`,
  );
});

/** y = the root of all partial sums together: one workgroup. */
const takeRoot = kernel(
  {
    name: "globalNorm",
    workgroup: WORKGROUP,
    words: { count: "u32" },
    bind: { partials: read("vec4<f32>"), y: write("f32") },
  },
  (k) => /* wgsl */ `
${tree}

${k.main} {
  var sum = vec4<f32>();
  for (var i = lane; i < w.count; i += ${WORKGROUP}u) { sum += partials[i]; }
  addUp(lane, sum);
  if (lane == 0u) {
    let s = sums[0];
    // Only neighbours in size can matter to each other. Roots are scaled, since squares of the scales are not normal numbers.
    let medium = sqrt(s.y) * 1.3234889800848443e-23;
    let small = sqrt(s.z) * 5.293955920339377e-23;
    if (s.x > 0.0) { y[0] = sqrt(s.x + medium * medium) * 7.555786372591432e22; }
    else if (s.y > 0.0) { y[0] = sqrt(s.y + small * small); }
    else { y[0] = sqrt(s.z + s.y) * 5.293955920339377e-23; }
  }
}`,
);

export const globalNormWgsl: Planner<{ inputs: Tensor[]; outputs: [y: Tensor] }, WebgpuStep> = {
  plan: ({ inputs }, { limits }) => {
    const parts = inputs.flatMap((x, i) => (x && numel(x.shape) > 0 ? [{ i, x, count: numel(x.shape) }] : []));
    if (parts.length === 0) return { steps: [fillStepWgsl("float32", output(0), 1, 0, "globalNorm")] };
    const total = parts.reduce((n, { count }) => n + count, 0);
    const loops = Math.max(MIN_LOOPS, TOGETHER * Math.ceil(total / (4 * WORKGROUP * MAX_PARTIALS * TOGETHER)));
    const max = Math.min(limits.maxStorageBuffersPerShaderStage - 1, MAX_TENSORS);
    const steps: WebgpuStep[] = [];
    let first = 0;
    for (const width of [4, 1] as const) {
      const whole = ({ offset }: Layout): boolean => offset % 4 === 0;
      const same = parts.filter(({ x }) => whole(x) === (width === 4));
      for (let at = 0; at < same.length; at += max) {
        const batch = same.slice(at, at + max);
        const xs: Slot[] = [];
        const words: number[] = [];
        let end = 0;
        for (const { i, x, count } of batch) {
          end += Math.ceil(count / (4 * WORKGROUP * loops));
          words.push(end, count, x.offset / width, 0);
          xs.push(input(i));
        }
        const sum = sumSquares({ parts: batch.length, width });
        steps.push(sum({ first, loops, parts: words, partials: scratch(0), xs }, { workgroups: end }));
        first += end;
      }
    }
    steps.push(takeRoot({ count: first, partials: scratch(0), y: output(0) }, { workgroups: 1 }));
    return { steps, scratchBytes: [first * 16] };
  },
};
