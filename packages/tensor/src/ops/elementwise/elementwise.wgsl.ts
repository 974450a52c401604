import type { DType } from "../../dtype.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { shaders } from "../../backends/webgpu/shaders.ts";
import { wgslType } from "../../backends/webgpu/snippets.wgsl.ts";
import { walkMembers, walkOf, walkTo } from "../../backends/webgpu/walk.wgsl.ts";
import type { Attrs, Planner, Signature, Slot, WebgpuStep, WebgpuWord } from "../../op.ts";
import { broadcastStrides, isContiguous, numel, type Layout, type Shape } from "../../shape.ts";

const WORKGROUP = 256;
/** Operands in order, as an expression names them. */
const NAMES = ["x", "y", "z"] as const;

/** An operand of an elementwise kernel, in strides that walk the result's shape. */
export interface Operand {
  readonly slot: Slot;
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * y[i] = f(x[i], …): `expression` in x, y, z and in the float32 parameters w.p0, w.p1.
 *
 * Where all operands lie in order, or are one element, an invocation computes one vec4; buffers have room for the last one's
 * tail. `kinds` has a letter for each operand: v for a vec4 each, s for one element.
 */
const flatShader = shaders(
  (label: string, expression: string, types: string, out: string, kinds: string, parameters: number) => {
    const list = types.split(" ");
    const names = NAMES.slice(0, list.length);
    const vector = (i: number): boolean => kinds[i] === "v";
    const call = (lane: string): string =>
      `f(${names.map((name, i) => (vector(i) ? `${name}4.${lane}` : `${name}1`)).join(", ")})`;
    return {
      label,
      wgsl: /* wgsl */ `
struct Words { count: u32, ${names.map((name) => `${name}Start: u32,`).join(" ")} ${parameterMembers(parameters)} }
@group(0) @binding(0) var<uniform> w: Words;
${names.map((name, i) => `@group(0) @binding(${i + 1}) var<storage, read> ${name}s: array<${vector(i) ? `vec4<${list[i]}>` : list[i]}>;`).join("\n")}
@group(0) @binding(${names.length + 1}) var<storage, read_write> out: array<vec4<${out}>>;
${mathFor(expression)}
fn f(${names.map((name, i) => `${name}: ${list[i]}`).join(", ")}) -> ${out} { return ${expression}; }

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= w.count) { return; }
  ${names.map((name, i) => (vector(i) ? `let ${name}4 = ${name}s[w.${name}Start + i];` : `let ${name}1 = ${name}s[w.${name}Start];`)).join("\n  ")}
  out[i] = vec4<${out}>(${["x", "y", "z", "w"].map(call).join(", ")});
}`,
    };
  },
);

/** The same for any strides: an invocation computes one element. */
const walkShader = shaders(
  (label: string, expression: string, types: string, out: string, rank: number, parameters: number) => {
    const list = types.split(" ");
    const names = NAMES.slice(0, list.length);
    return {
      label,
      wgsl: /* wgsl */ `
struct Words { ${walkMembers(rank, names)} ${parameterMembers(parameters)} }
@group(0) @binding(0) var<uniform> w: Words;
${names.map((name, i) => `@group(0) @binding(${i + 1}) var<storage, read> ${name}s: array<${list[i]}>;`).join("\n")}
@group(0) @binding(${names.length + 1}) var<storage, read_write> out: array<${out}>;
${mathFor(expression)}
fn f(${names.map((name, i) => `${name}: ${list[i]}`).join(", ")}) -> ${out} { return ${expression}; }

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= w.total) { return; }
  ${walkTo(rank, names, "i")}
  out[i] = f(${names.map((name) => `${name}s[${name}At]`).join(", ")});
}`,
    };
  },
);

const parameterMembers = (count: number): string => Array.from({ length: count }, (_, i) => `p${i}: f32,`).join(" ");

/** The step that computes an expression over `shape` into a contiguous result. */
export const elementwiseStep = (
  label: string,
  expression: string,
  shape: Shape,
  operands: readonly Operand[],
  out: { readonly slot: Slot; readonly dtype: DType },
  parameters: readonly WebgpuWord[] = [],
): WebgpuStep => {
  const types = operands.map(({ dtype }) => wgslType[dtype]).join(" ");
  const bind = [...operands.map(({ slot }) => slot), out.slot];
  const kinds = operands.map((operand) =>
    operand.strides.every((stride, d) => stride === 0 || shape[d] === 1)
      ? "s"
      : operand.offset % 4 === 0 && isContiguous({ shape, strides: operand.strides })
        ? "v"
        : "-",
  );
  if (!kinds.includes("-")) {
    const count = Math.ceil(numel(shape) / 4);
    const starts = operands.map(({ offset }, i) => (kinds[i] === "v" ? offset / 4 : offset));
    return {
      shader: flatShader(label, expression, types, wgslType[out.dtype], kinds.join(""), parameters.length),
      bind,
      words: [count, ...starts, ...parameters],
      workgroups: Math.ceil(count / WORKGROUP),
    };
  }
  const { rank, total, words } = walkOf(shape, operands);
  return {
    shader: walkShader(label, expression, types, wgslType[out.dtype], rank, parameters.length),
    bind,
    words: [...words, ...parameters],
    workgroups: Math.ceil(total / WORKGROUP),
  };
};

/** Views in, broadcast to a contiguous result. */
export const elementwiseWgsl = <S extends Signature>(
  label: string,
  expression: (inputs: readonly Layout[], attrs: Attrs<S>) => string,
  parameters: (attrs: Attrs<S>) => readonly number[] = () => [],
): Planner<S, WebgpuStep> => ({
  strided: "all",
  plan: ({ inputs, outputs, attrs }) => {
    const layouts = inputs as readonly Layout[];
    const { shape, dtype } = outputs[0] as Layout;
    const operands = layouts.map((layout, i) => ({
      slot: { in: i },
      dtype: layout.dtype,
      strides: broadcastStrides(layout, shape),
      offset: layout.offset,
    }));
    const words = parameters(attrs).map((f32) => ({ f32 }));
    return {
      steps: [elementwiseStep(label, expression(layouts, attrs), shape, operands, { slot: { out: 0 }, dtype }, words)],
    };
  },
});
