import { input, output, type CpuStep, type Planner } from "@tessera/tensor/extend";
import { segmentsOf } from "../../block-index.ts";
import { kernels } from "../../generated/kernels.ts";
import type { BlockCopySignature } from "./block-copy.ts";

type Attrs = Parameters<Planner<BlockCopySignature, CpuStep>["plan"]>[0]["attrs"];

/** A task for each row of blocks. */
const cut = (attrs: Attrs) => {
  const { rows, colIndices } = segmentsOf(attrs);
  const {
    shape: [outputs, inputs],
    blockSize: b,
  } = attrs;
  return { args: { blockIndex: input(1), colIndices, outputs, inputs, b }, launch: { tasks: rows } };
};

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
