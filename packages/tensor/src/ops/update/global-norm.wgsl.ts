import { shaders } from "../../backends/webgpu/shaders.ts";
import type { Planner, Shader, Slot, WebgpuStep, WebgpuWord } from "../../op.ts";
import { numel, type Layout } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { fillStepWgsl } from "../move/move.wgsl.ts";

const WORKGROUP = 128;
/** Partial sums that one workgroup can still add up quickly, and vec4s that an invocation squares at least. */
const PARTIALS = 2048;
const LEAST = 16;
/** vec4s that an invocation has on their way from memory at a time. */
const TOGETHER = 4;
/** Tensors of one dispatch: each takes a buffer and four words. */
const MOST = 15;

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
const partialShader = shaders((parts: number, width: 1 | 4): Shader => {
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
  return {
    label: "globalNorm",
    wgsl: /* wgsl */ `
struct Words { first: u32, loops: u32, none0: u32, none1: u32, parts: array<vec4<u32>, ${parts}> }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>;
${indices.map((i) => `@group(0) @binding(${2 + i}) var<storage, read> xs${i}: array<${width === 4 ? "vec4<f32>" : "f32"}>;`).join("\n")}
${squares}
${tree}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let number = group.x + group.y * groups.x;
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
  };
});

/** y = the root of all partial sums together: one workgroup. */
const rootShader = shaders(() => ({
  label: "globalNorm",
  wgsl: /* wgsl */ `
struct Words { count: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
${tree}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(local_invocation_index) lane: u32) {
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
}));

export const globalNormWgsl: Planner<{ inputs: Tensor[]; outputs: [y: Tensor] }, WebgpuStep> = {
  plan: ({ inputs }, limits) => {
    const parts = inputs.flatMap((x, i) => (x && numel(x.shape) > 0 ? [{ i, x, count: numel(x.shape) }] : []));
    if (parts.length === 0) return { steps: [fillStepWgsl("float32", { out: 0 }, 1, 0, "globalNorm")] };
    const total = parts.reduce((n, { count }) => n + count, 0);
    const loops = Math.max(LEAST, TOGETHER * Math.ceil(total / (4 * WORKGROUP * PARTIALS * TOGETHER)));
    const most = Math.min((limits.maxStorageBuffersPerShaderStage ?? 8) - 1, MOST);
    const steps: WebgpuStep[] = [];
    let first = 0;
    for (const width of [4, 1] as const) {
      const whole = ({ offset }: Layout): boolean => offset % 4 === 0;
      const same = parts.filter(({ x }) => whole(x) === (width === 4));
      for (let at = 0; at < same.length; at += most) {
        const batch = same.slice(at, at + most);
        const bind: Slot[] = [{ scratch: 0 }];
        const words: WebgpuWord[] = [first, loops, 0, 0];
        let end = 0;
        for (const { i, x, count } of batch) {
          end += Math.ceil(count / (4 * WORKGROUP * loops));
          words.push(end, count, x.offset / width, 0);
          bind.push({ in: i });
        }
        steps.push({ shader: partialShader(batch.length, width), bind, words, workgroups: end });
        first += end;
      }
    }
    steps.push({ shader: rootShader(), bind: [{ scratch: 0 }, { out: 0 }], words: [first], workgroups: 1 });
    return { steps, scratchBytes: [first * 16] };
  },
};
