import type { Planner, WebgpuStep } from "../../op.ts";
import { output } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import { foldSteps } from "./fold.wgsl.ts";
import { linesOf } from "./lines.wgsl.ts";
import type { ReduceAttrs } from "./reduce.ts";
import { sumInt32Steps } from "./sum-int32.wgsl.ts";

type Reduce = Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: ReduceAttrs }, WebgpuStep>;

const foldWgsl = (name: "sum" | "max" | "min"): Reduce => ({
  strided: "all",
  plan: ({ inputs: [x], attrs: { dims } }) => {
    const { lines, before, scratchBytes } = linesOf(x, dims);
    if (name === "sum" && x.dtype === "int32") {
      const exact = sumInt32Steps(lines, output(0), scratchBytes.length);
      return { steps: [...before, ...exact.steps], scratchBytes: [...scratchBytes, ...exact.scratchBytes] };
    }
    // A bool is a word that is 0 or 1, and int32 holds as many of them as there can be.
    const fold = foldSteps(`${name} ${x.dtype === "float32" ? "f32" : "i32"}`, lines, output(0), scratchBytes.length);
    return { steps: [...before, ...fold.steps], scratchBytes: [...scratchBytes, ...fold.scratchBytes] };
  },
});

export const sumWgsl = foldWgsl("sum");
export const amaxWgsl = foldWgsl("max");
export const aminWgsl = foldWgsl("min");
