import type { Backend } from "../../backend.ts";
import { kernels as wasm } from "../../kernels.ts";
import type { CpuArgument, CpuStep, Plan, Planner } from "../../op.ts";
import { numel, type Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import type { Draw } from "./random.ts";

/** Elements of one task: a multiple of the 16 that Philox makes at once. */
const CHUNK = 16384;

const draw: readonly CpuArgument[] = [{ scalar: "seedLow" }, { scalar: "seedHigh" }, { scalar: "counter" }];

const fill = (
  fn: string,
  before: readonly CpuArgument[],
  total: number,
  after: readonly CpuArgument[] = [],
): Plan<CpuStep> => ({
  steps: [
    { wasm, fn, args: [...before, { out: 0 }, total, CHUNK, ...after, ...draw], tasks: Math.ceil(total / CHUNK) },
  ],
});

type Filling = Planner<
  { inputs: []; outputs: [y: Tensor]; attrs: { device: Backend; shape: Shape }; scalars: Draw },
  CpuStep
>;
export const uniformCpu: Filling = { plan: ({ outputs: [y] }) => fill("rand_f32", [], numel(y.shape)) };
export const normalCpu: Filling = { plan: ({ outputs: [y] }) => fill("randn_f32", [], numel(y.shape)) };

export const dropoutCpu: Planner<
  { inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: { p: number }; scalars: Draw },
  CpuStep
> = {
  plan: ({ outputs: [y], attrs: { p } }) =>
    fill("dropout_f32", [{ in: 0 }], numel(y.shape), [p, 1 / (1 - Math.fround(p))]),
};
