import type { Tensor } from "@tessera/tensor";
import {
  defineOp,
  input,
  kernel,
  output,
  read,
  run,
  write,
  type Planner,
  type WebgpuStep,
} from "@tessera/tensor/extend";

const WORKGROUP = 256;
/** vec4 accumulators of an invocation: enough independent multiply-adds to hide the latency of one. */
const ACCUMULATORS = 8;
/** Multiply-adds of every accumulator in one turn of the loop. */
const UNROLLED = 8;

interface FmaAttrs {
  readonly workgroups: number;
  readonly turns: number;
}
interface FmaSignature {
  inputs: [factors: Tensor];
  outputs: [y: Tensor];
  attrs: FmaAttrs;
}

const names = Array.from({ length: ACCUMULATORS }, (_, i) => `s${i}`);

/** The factors come from memory, so that no compiler can foresee the result. */
const fmaKernel = kernel(
  {
    name: "fma probe",
    workgroup: WORKGROUP,
    words: { turns: "u32" },
    bind: { factors: read("f32"), y: write("f32") },
  },
  (k) => /* wgsl */ `
${k.main} {
  let i = ${k.invocation};
  let a = vec4<f32>(factors[0]);
  let b = vec4<f32>(factors[1], factors[2], factors[3], factors[4]);
  let start = f32(i % 64u);
  ${names.map((name, at) => `var ${name} = vec4<f32>(start + ${at}.0);`).join("\n  ")}
  for (var turn = 0u; turn < w.turns; turn++) {
    ${Array.from({ length: UNROLLED }, () => names.map((name) => `${name} = fma(${name}, a, b);`).join(" ")).join("\n    ")}
  }
  let total = ${names.join(" + ")};
  y[i] = total.x + total.y + total.z + total.w;
}`,
);

const fmaWgsl: Planner<FmaSignature, WebgpuStep> = {
  plan: ({ attrs: { workgroups, turns } }) => ({
    steps: [fmaKernel({ turns, factors: input(0), y: output(0) }, { workgroups })],
  }),
};

/** What an invocation computes, in float64. */
export const fmaResult = (invocation: number, factors: ArrayLike<number>, turns: number): number => {
  let total = 0;
  for (let lane = 1; lane <= 4; lane++)
    for (let at = 0; at < ACCUMULATORS; at++) {
      let s = (invocation % 64) + at;
      for (let i = 0; i < turns * UNROLLED; i++) s = s * factors[0]! + factors[lane]!;
      total += s;
    }
  return total;
};

const fmaOp = defineOp<FmaSignature>({
  name: "fmaProbe",
  infer: (_, { workgroups }) => [{ shape: [workgroups * WORKGROUP], dtype: "float32" }],
  kernels: {
    reference: ([factors], [y], { turns }) => {
      for (let i = 0; i < y.values.length; i++) y.values[i] = fmaResult(i, factors.values, turns);
    },
    cpu: "reference",
    webgpu: fmaWgsl,
  },
});

/** Multiply-adds in registers and nothing else; one number of each invocation is written. `factors`: 5 numbers. */
export const fmaProbe = (factors: Tensor, attrs: FmaAttrs): Tensor => run(fmaOp, [factors], attrs)[0];

export const fmaProbeFlops = ({ workgroups, turns }: FmaAttrs): number =>
  2 * 4 * ACCUMULATORS * UNROLLED * turns * workgroups * WORKGROUP;
