import { input, output, type CpuStep, type Planner } from "@tessera/tensor/extend";
import { kernels } from "../../generated/kernels.ts";
import type { BlockCopySignature } from "./block-copy.ts";

type Attrs = Parameters<Planner<BlockCopySignature, CpuStep>["plan"]>[0]["attrs"];

/** A task for each row of blocks. */
const cut = ({ shape: [outputs, inputs], blockSize: b }: Attrs) => ({
  args: { crow: input(1), col: input(2), outputs, inputs, b },
  launch: { tasks: Math.ceil(outputs / b) },
});

export const gatherBlocksCpu: Planner<BlockCopySignature, CpuStep> = {
  plan: ({ attrs }) => {
    const { args, launch } = cut(attrs);
    return { steps: [kernels.gatherBlocksF32({ dense: input(0), values: output(0), ...args }, launch)] };
  },
};

export const scatterBlocksCpu: Planner<BlockCopySignature, CpuStep> = {
  plan: ({ attrs }) => {
    const { args, launch } = cut(attrs);
    return { steps: [kernels.scatterBlocksF32({ values: input(0), dense: output(0), ...args }, launch)] };
  },
};
