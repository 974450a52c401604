import { run } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/random";
import { dropoutOp } from "@tessera/tensor/ops/random";
import { notDifferentiable, type VjpTable } from "../define-vjps.ts";

/** Gradients of the random ops. */
export const randomVjps: VjpTable<typeof family> = {
  uniform: notDifferentiable,
  normal: notDifferentiable,
  // dx = mask · dy/(1 − p): the same op, with the same draw
  dropout: { vjp: ([dy], { attrs, scalars }) => [run(dropoutOp, [dy], attrs, scalars)[0]] },
};
