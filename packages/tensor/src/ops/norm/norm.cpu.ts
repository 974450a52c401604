import { kernels as wasm } from "../../kernels.ts";
import type { CpuArgument, CpuStep, Plan, Planner, Slot } from "../../op.ts";
import { numel, type Layout, type Shape } from "../../shape.ts";
import { fillStep } from "../move/move.cpu.ts";
import type {
  AddLayerNormSignature,
  LayerNormBackwardSignature,
  LayerNormSignature,
  RmsNormBackwardSignature,
  RmsNormSignature,
} from "./norm.ts";

/** Elements that one task normalises. */
const TASK = 32768;
/** Rows that one backward task adds up in float32: enough to make adding the tasks' sums cheap, few enough to keep their digits. */
const LEAST_ROWS = 32;
const MOST_ROWS = 128;
/** Columns of weight and bias that one task sums over all tasks' parts. */
const COLUMNS = 256;

const sizes = (shape: Shape, dims: number) => {
  const at = shape.length - dims;
  return { rows: numel(shape.slice(0, at)), n: numel(shape.slice(at)) };
};

/** 0 stands for a tensor that is not there. */
const optional = (layout: Layout | null, slot: Slot): CpuArgument => (layout ? slot : 0);

const forward = (fn: string, slots: readonly CpuArgument[], shape: Shape, dims: number, eps: number): Plan<CpuStep> => {
  const { rows, n } = sizes(shape, dims);
  const perTask = Math.max(1, Math.floor(TASK / Math.max(n, 1)));
  return { steps: [{ wasm, fn, args: [...slots, n, rows, perTask, eps], tasks: Math.ceil(rows / perTask) }] };
};

export const layerNormCpu: Planner<LayerNormSignature, CpuStep> = {
  plan: ({ inputs: [x, weight, bias], outputs: [, shift, rstd], attrs: { dims, eps } }) => {
    const affine = [optional(weight, { in: 1 }), optional(bias, { in: 2 })];
    const extras = [optional(shift, { out: 1 }), optional(rstd, { out: 2 })];
    return forward("layer_norm_f32", [{ in: 0 }, ...affine, { out: 0 }, ...extras], x.shape, dims, eps);
  },
};

export const addLayerNormCpu: Planner<AddLayerNormSignature, CpuStep> = {
  plan: ({ inputs: [x, , weight, bias], outputs: [, sum, shift, rstd], attrs: { dims, eps } }) => {
    const affine = [optional(weight, { in: 2 }), optional(bias, { in: 3 })];
    const extras = [{ out: sum ? 1 : 0 }, optional(shift, { out: 2 }), optional(rstd, { out: 3 })];
    const slots = [{ in: 0 }, { in: 1 }, ...affine, { out: 0 }, ...extras];
    return forward("add_layer_norm_f32", slots, x.shape, dims, eps);
  },
};

export const rmsNormCpu: Planner<RmsNormSignature, CpuStep> = {
  plan: ({ inputs: [x, weight], outputs: [, rstd], attrs: { dims, eps } }) =>
    forward(
      "rms_norm_f32",
      [{ in: 0 }, optional(weight, { in: 1 }), { out: 0 }, optional(rstd, { out: 1 })],
      x.shape,
      dims,
      eps,
    ),
};

/** dx by rows, with each task's sums for the weight and the bias in scratch; then those are added up, in order. */
const backward = (
  fn: string,
  slots: readonly CpuArgument[],
  shape: Shape,
  dims: number,
  sums: readonly Slot[],
): Plan<CpuStep> => {
  const { rows, n } = sizes(shape, dims);
  if (rows === 0 || n === 0) return { steps: n === 0 ? [] : sums.map((slot) => fillStep("float32", slot, n, 0)) };
  const perTask = Math.min(MOST_ROWS, Math.max(LEAST_ROWS, Math.ceil(TASK / n)));
  const parts = Math.ceil(rows / perTask);
  const first: CpuStep = { wasm, fn, args: [...slots, { scratch: 0 }, n, rows, perTask], tasks: parts };
  const last = sums.map((slot, which): CpuStep => {
    const args = [{ scratch: 0 }, slot, which, parts, n, COLUMNS];
    return { wasm, fn: "norm_backward_sum_f32", args, tasks: Math.ceil(n / COLUMNS) };
  });
  return { steps: [first, ...last], scratchBytes: [parts * n * 8] };
};

export const layerNormBackwardCpu: Planner<LayerNormBackwardSignature, CpuStep> = {
  plan: ({ inputs: [, x, weight], attrs: { dims } }) => {
    const slots = [{ in: 0 }, { in: 1 }, optional(weight, { in: 2 }), { in: 3 }, { in: 4 }, { out: 0 }];
    return backward("layer_norm_backward_f32", slots, x.shape, dims, [{ out: 1 }, { out: 2 }]);
  },
};

export const rmsNormBackwardCpu: Planner<RmsNormBackwardSignature, CpuStep> = {
  plan: ({ inputs: [, x, weight], attrs: { dims } }) => {
    const slots = [{ in: 0 }, { in: 1 }, optional(weight, { in: 2 }), { in: 3 }, { out: 0 }];
    return backward("rms_norm_backward_f32", slots, x.shape, dims, [{ out: 1 }]);
  },
};
