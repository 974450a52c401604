import type { Backend } from "../../backend.ts";
import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { numel, type Shape } from "../../shape.ts";
import { input, output, scalar } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import type { DrawScalars } from "./random.ts";

/** Elements of one task: a multiple of the 16 that Philox makes at once. */
const CHUNK = 16384;

/** The result, by tasks, and which draw fills it. */
const cut = (total: number) => ({
  args: {
    y: output(0),
    total,
    chunk: CHUNK,
    seedLow: scalar("seedLow"),
    seedHigh: scalar("seedHigh"),
    counter: scalar("counter"),
  },
  launch: { tasks: Math.ceil(total / CHUNK) },
});

type Filling = Planner<
  { inputs: []; outputs: [y: Tensor]; attrs: { device: Backend; shape: Shape }; scalars: DrawScalars },
  CpuStep
>;
const filling = (kernel: typeof kernels.randF32 | typeof kernels.randnF32): Filling => ({
  plan: ({ outputs: [y] }) => {
    const { args, launch } = cut(numel(y.shape));
    return { steps: [kernel(args, launch)] };
  },
});
export const uniformCpu = filling(kernels.randF32);
export const normalCpu = filling(kernels.randnF32);

export const dropoutCpu: Planner<
  { inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: { p: number }; scalars: DrawScalars },
  CpuStep
> = {
  plan: ({ outputs: [y], attrs: { p } }) => {
    const { args, launch } = cut(numel(y.shape));
    return { steps: [kernels.dropoutF32({ x: input(0), ...args, p, scale: 1 / (1 - Math.fround(p)) }, launch)] };
  },
};
