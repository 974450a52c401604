import type { Slot, WebgpuStep } from "../../op.ts";
import { kernel, read, when, write } from "./kernel.ts";
import { mathFor } from "./math.wgsl.ts";
import { variants } from "./variants.ts";

/** What a product applies to its sums. */
export type WebgpuActivation = "none" | "relu" | "gelu" | "geluTanh";

const activations: { readonly [A in WebgpuActivation]: (x: string) => string } = {
  none: (x) => x,
  relu: (x) => `select(${x}, 0.0, ${x} <= 0.0)`,
  gelu: (x) => `geluOf(${x})`,
  geluTanh: (x) => `geluTanhOf(${x})`,
};

/** `fn finish`: the activation of four sums. */
export const finishFunction = (activation: WebgpuActivation): string => {
  const one = activations[activation];
  const body = `fn finish(v: vec4<f32>) -> vec4<f32> { return vec4<f32>(${["x", "y", "z", "w"].map((c) => one(`v.${c}`)).join(", ")}); }`;
  return `${mathFor(body)}\n${body}`;
};

const SUM_WORKGROUP = 256;

/** What is added to a product: nothing, one number for each column, or one for each element. */
export type AddedText = "none" | "row" | "whole";

interface SumChoices {
  readonly label: string;
  readonly activation: WebgpuActivation;
  readonly added: AddedText;
  readonly pre: boolean;
}

/**
 * out[e, i] = f(Σ_p parts[e, p, i] + bias[i mod n], or added[e, i]) for entries e of `size` elements; an invocation adds one element's
 * parts, in order.
 */
const sumParts = variants((choices: SumChoices) => {
  const { label, activation, added, pre } = choices;
  return kernel(
    {
      name: label,
      workgroup: SUM_WORKGROUP,
      words: { total: "u32", size: "u32", parts: "u32", n: "u32", bias: "u32" },
      bind: {
        sums: read("f32"),
        biases: when(added !== "none", read("f32")),
        outs: write("f32"),
        pres: when(pre, write("f32")),
      },
    },
    (k) => /* wgsl */ `
${finishFunction(activation)}

${k.main} {
  let i = ${k.invocation};
  if (i >= w.total) { return; }
  let entry = i / w.size;
  let first = entry * w.parts * w.size + i % w.size;
  var v = 0.0;
  for (var p = 0u; p < w.parts; p++) { v += sums[first + p * w.size]; }
  ${added === "none" ? "" : `v += biases[w.bias + ${added === "row" ? "i % w.n" : "i"}];`}
  ${pre ? "pres[i] = v;" : ""}
  outs[i] = finish(vec4<f32>(v)).x;
}`,
  );
});

/** A bias, and where it starts. */
export interface WebgpuBias {
  readonly slot: Slot;
  readonly offset: number;
  /** Whether it has a number for each element of the product, rather than for each column. */
  readonly whole?: boolean;
}

export const addedText = (bias: WebgpuBias | null): AddedText => (bias ? (bias.whole ? "whole" : "row") : "none");

/** The step that adds up the parts of a product whose inner dim was cut: `entries` times `parts` slices of `size` elements, n in a row. */
export const sumPartsStep = (
  label: string,
  {
    entries,
    parts,
    size,
    n,
  }: { readonly entries: number; readonly parts: number; readonly size: number; readonly n: number },
  slots: { readonly from: Slot; readonly to: Slot; readonly pre: Slot | null; readonly bias: WebgpuBias | null },
  activation: WebgpuActivation,
): WebgpuStep => {
  const { from, to, pre, bias } = slots;
  const total = entries * size;
  const sum = sumParts({ label, activation, added: addedText(bias), pre: pre !== null });
  return sum(
    { total, size, parts, n, bias: bias?.offset ?? 0, sums: from, biases: bias?.slot ?? null, outs: to, pres: pre },
    { workgroups: Math.ceil(total / SUM_WORKGROUP) },
  );
};
