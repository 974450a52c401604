import type { CpuStep, Planner } from "@tessera/tensor";
import { kernels } from "../../kernels.ts";
import type { BlockCopySignature } from "./block-copy.ts";

/** A task for each row of blocks. */
const planner = (fn: string): Planner<BlockCopySignature, CpuStep> => ({
  plan: ({ attrs: { shape, blockSize } }) => ({
    steps: [
      {
        wasm: kernels,
        fn,
        args: [{ in: 0 }, { in: 1 }, { in: 2 }, { out: 0 }, shape[0], shape[1], blockSize],
        tasks: Math.ceil(shape[0] / blockSize),
      },
    ],
  }),
});

export const gatherBlocksCpu = planner("gather_blocks_f32");
export const scatterBlocksCpu = planner("scatter_blocks_f32");
