import { shaders } from "../../backends/webgpu/shaders.ts";
import type { Planner, WebgpuStep } from "../../op.ts";
import { numel } from "../../shape.ts";
import type { AddmmSignature } from "./matmul.ts";
import { matmulWgsl } from "./matmul.wgsl.ts";

const WORKGROUP = 256;

/** sums[i] += input[i]; an invocation adds one word, a vec4 where the input starts at one. */
const addShader = shaders((word: "f32" | "vec4<f32>") => ({
  label: "addmm",
  wgsl: /* wgsl */ `
struct Words { count: u32, start: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> input: array<${word}>;
@group(0) @binding(2) var<storage, read_write> sums: array<${word}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i < w.count) { sums[i] += input[w.start + i]; }
}`,
}));

/** The product, then the addition in place. */
export const addmmWgsl: Planner<AddmmSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [a, b, input], outputs, attrs }, limits) => {
    const { steps, scratchBytes = [] } = matmulWgsl.plan({ inputs: [a, b], outputs, attrs }, limits);
    const width = input.offset % 4 === 0 ? 4 : 1;
    const count = Math.ceil(numel(input.shape) / width);
    const add: WebgpuStep = {
      shader: addShader(width === 4 ? "vec4<f32>" : "f32"),
      bind: [{ in: 2 }, { out: 0 }],
      words: [count, input.offset / width],
      workgroups: Math.ceil(count / WORKGROUP),
    };
    return { steps: [...steps, add], scratchBytes };
  },
};
