// What must not compile. `tsc --project .` reads this file: an error that goes missing fails the check.
import { input, output, scalar, wasmKernel, wasmModule, words, type CpuStep } from "@tessera/tensor/extend";
import { kernels as generated } from "../../apps/examples/src/generated/kernels.ts";

const wasm = wasmModule("");
const kernels = {
  layerNormF32: wasmKernel(wasm, "layer_norm_f32", {
    x: "usize",
    weight: "optional",
    y: "usize",
    words: "usize",
    rows: "i32",
    columns: "i32",
    eps: "f32",
  }),
};
const slots = { x: input(0), y: output(0), words: words([1, input(0)]) };
const sizes = { rows: 4, columns: 128 };
const launch = { tasks: 1 };

/** Calls that are right. */
export const right: readonly CpuStep[] = [
  kernels.layerNormF32({ ...slots, weight: input(1), ...sizes, eps: scalar("eps") }, launch),
  kernels.layerNormF32({ ...slots, weight: null, ...sizes, eps: 1e-5 }, { tasks: 1, fault: (value) => `${value}` }),
  generated.leakyReluF32({ x: input(0), y: output(0), n: 4, perTask: 4, k: 0.1 }, launch),
];

/** Calls that are wrong, each in one way. */
export const wrong = (): readonly CpuStep[] => [
  // @ts-expect-error -- `columns` is missing
  kernels.layerNormF32({ ...slots, weight: null, rows: 4, eps: 1e-5 }, launch),
  // @ts-expect-error -- `colums` is misspelt
  kernels.layerNormF32({ ...slots, weight: null, rows: 4, colums: 128, eps: 1e-5 }, launch),
  // @ts-expect-error -- there is no `bias`
  kernels.layerNormF32({ ...slots, weight: null, bias: null, ...sizes, eps: 1e-5 }, launch),
  // @ts-expect-error -- a slot where a number belongs
  kernels.layerNormF32({ ...slots, weight: null, rows: input(1), columns: 128, eps: 1e-5 }, launch),
  // @ts-expect-error -- a number where a slot belongs
  kernels.layerNormF32({ ...slots, x: 0, weight: null, ...sizes, eps: 1e-5 }, launch),
  // @ts-expect-error -- a scalar where a whole number belongs, which the plan must know
  kernels.layerNormF32({ ...slots, weight: null, rows: scalar("rows"), columns: 128, eps: 1e-5 }, launch),
  // @ts-expect-error -- an absent pointer must be said to be null
  kernels.layerNormF32({ ...slots, ...sizes, eps: 1e-5 }, launch),
  // @ts-expect-error -- one that is not optional must be there
  kernels.layerNormF32({ ...slots, x: null, weight: null, ...sizes, eps: 1e-5 }, launch),
  // @ts-expect-error -- how many tasks?
  kernels.layerNormF32({ ...slots, weight: null, ...sizes, eps: 1e-5 }, {}),
  // @ts-expect-error -- `perTask` is missing from what tessera-wasm wrote
  generated.leakyReluF32({ x: input(0), y: output(0), n: 4, k: 0.1 }, launch),
];

// @ts-expect-error -- no such kernel
export const unknown: keyof typeof kernels = "layerNormF64";
// @ts-expect-error -- no such kernel in what tessera-wasm wrote
export const unknownGenerated: keyof typeof generated = "leakyReluF64";
