import { shaders } from "../../backends/webgpu/shaders.ts";
import { walkMembers, walkOf, walkTo } from "../../backends/webgpu/walk.wgsl.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { contiguousStrides, type Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";

const WORKGROUP = 256;

/** A tensor or scratch region to read from or write to, `start` elements on, in strides of its own. */
export interface WebgpuPlace {
  readonly slot: Slot;
  readonly strides: readonly number[];
  readonly start: number;
}

/** to[walk] = from[walk], words of any dtype; an invocation copies one. */
const copyShader = shaders((rank: number) => ({
  label: "copy",
  wgsl: /* wgsl */ `
struct Words { ${walkMembers(rank, ["from", "to"])} }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> target_: array<u32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= w.total) { return; }
  ${walkTo(rank, ["from", "to"], "i")}
  target_[toAt] = source[fromAt];
}`,
}));

/** The step that copies a walk of `shape` from one place to another. There must be at least one element. */
export const copyStepWgsl = (shape: Shape, from: WebgpuPlace, to: WebgpuPlace): WebgpuStep => {
  const { rank, total, words } = walkOf(shape, [
    { strides: from.strides, offset: from.start },
    { strides: to.strides, offset: to.start },
  ]);
  return { shader: copyShader(rank), bind: [from.slot, to.slot], words, workgroups: Math.ceil(total / WORKGROUP) };
};

export const copyWgsl: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor] }, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y] }) => ({
    steps: [
      copyStepWgsl(
        x.shape,
        { slot: { in: 0 }, strides: x.strides, start: x.offset },
        { slot: { out: 0 }, strides: contiguousStrides(y.shape), start: 0 },
      ),
    ],
  }),
};
