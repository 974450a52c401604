import type { Backend } from "../../backend.ts";
import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { DRAW, DRAW_WORDS, philox } from "../../backends/webgpu/philox.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Plan, Planner, WebgpuStep } from "../../op.ts";
import { numel, type Shape } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import type { DrawScalars } from "./random.ts";

const WORKGROUP = 256;

const unit = /* wgsl */ `
/** The upper 24 bits as fractions of 2^24: exact. */
fn unit(words: vec4<u32>) -> vec4<f32> { return vec4<f32>(words >> vec4<u32>(8u)) * 5.9604644775390625e-8; }`;

/**
 * Box-Muller on each pair of words: r = sqrt(-2 ln u), turn v, with u in (0, 1]. A turn is q quarters and f more, |f| <= 1/2, exactly;
 * sine and cosine of f pi/2 are polynomials, q swaps and negates them. Within 4e-7 |z| + 4e-7.
 */
const normals = /* wgsl */ `
fn pair(u: f32, v: f32) -> vec2<f32> {
  let r = sqrt(-2.0 * logOf(u + 5.9604644775390625e-8));
  let quarters = 4.0 * v;
  let q = floor(quarters + 0.5);
  let f = quarters - q;
  let z = f * f;
  let s = f * fma(fma(fma(-4.60167155e-3, z, 7.96800405e-2), z, -0.645963460), z, 1.57079632);
  let c = fma(fma(fma(-2.03986417e-2, z, 0.253594966), z, -1.23369667), z, 1.0);
  let k = u32(q);
  let turned = select(vec2<f32>(c, s), vec2<f32>(s, c), (k & 1u) == 1u);
  // cos: c, -s, -c, s and sin: s, c, -s, -c for q = 0, 1, 2, 3.
  let negative = vec2<bool>(((k + 1u) & 2u) == 2u, (k & 2u) == 2u);
  return r * select(turned, -turned, negative);
}
fn normal(v: vec4<f32>) -> vec4<f32> { return vec4<f32>(pair(v.x, v.y), pair(v.z, v.w)); }`;

type Kind = "rand" | "randn" | "dropout";

/**
 * y = uniform, normal, or x/(1 - p) where the uniform number is p or more and else 0. An invocation computes the vec4 of one block of
 * words; buffers have room for the last one's tail. `width`: how x is read.
 */
const random = variants(({ kind, width }: { readonly kind: Kind; readonly width: 1 | 4 }) => {
  const drops = kind === "dropout";
  const x = width === 4 ? "xs[w.xStart + i]" : "vec4<f32>(xs[at], xs[at + 1u], xs[at + 2u], xs[at + 3u])";
  const value = { rand: "u", randn: "normal(u)", dropout: `select(${x} * w.scale, vec4<f32>(), u < vec4<f32>(w.p))` };
  return kernel(
    {
      name: kind,
      workgroup: WORKGROUP,
      words: {
        count: "u32",
        ...DRAW_WORDS,
        xStart: when(drops, "u32"),
        p: when(drops, "f32"),
        scale: when(drops, "f32"),
      },
      bind: { xs: when(drops, read(width === 4 ? "vec4<f32>" : "f32")), y: write("vec4<f32>") },
    },
    (k) => /* wgsl */ `
${kind === "randn" ? mathFor(normals) + normals : ""}
${philox}
${unit}

${k.main} {
  let i = ${k.invocation};
  if (i >= w.count) { return; }
  ${drops && width === 1 ? "let at = w.xStart + 4u * i;" : ""}
  let u = unit(philox(i));
  y[i] = ${value[kind]};
}`,
  );
});

const fill = (kind: "rand" | "randn", total: number): Plan<WebgpuStep> => {
  const count = Math.ceil(total / 4);
  const step = random({ kind, width: 4 })(
    { count, ...DRAW, xStart: null, p: null, scale: null, xs: null, y: output(0) },
    { workgroups: Math.ceil(count / WORKGROUP) },
  );
  return { steps: [step] };
};

type Filling = Planner<
  { inputs: []; outputs: [y: Tensor]; attrs: { device: Backend; shape: Shape }; scalars: DrawScalars },
  WebgpuStep
>;
export const uniformWgsl: Filling = { plan: ({ outputs: [y] }) => fill("rand", numel(y.shape)) };
export const normalWgsl: Filling = { plan: ({ outputs: [y] }) => fill("randn", numel(y.shape)) };

export const dropoutWgsl: Planner<
  { inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: { p: number }; scalars: DrawScalars },
  WebgpuStep
> = {
  plan: ({ inputs: [x], outputs: [y], attrs: { p } }) => {
    const count = Math.ceil(numel(y.shape) / 4);
    const width = x.offset % 4 === 0 ? 4 : 1;
    const limit = Math.fround(p);
    const step = random({ kind: "dropout", width })(
      { count, ...DRAW, xStart: x.offset / width, p: limit, scale: 1 / (1 - limit), xs: input(0), y: output(0) },
      { workgroups: Math.ceil(count / WORKGROUP) },
    );
    return { steps: [step] };
  },
};
