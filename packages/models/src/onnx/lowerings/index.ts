import type { Lowering } from "../lowering.ts";
import { channels } from "./channels.ts";
import { choices } from "./choices.ts";
import { elementwise } from "./elementwise.ts";
import { layers } from "./layers.ts";
import { moves } from "./moves.ts";

/** How each op is said in ONNX, by its name. Backward passes, updates, losses and random numbers are not there. */
const lowerings = { ...elementwise, ...moves, ...choices, ...layers, ...channels };

/** The names of the ops that `exportOnnx` has a form for. */
export const onnxOps: readonly string[] = Object.keys(lowerings);

/** The lowering of an op; `undefined` for one that has none. */
export const loweringOf = (op: string, own: { readonly [op: string]: Lowering<never> }): Lowering | undefined => {
  const found = Object.hasOwn(own, op)
    ? own[op]
    : Object.hasOwn(lowerings, op)
      ? lowerings[op as keyof typeof lowerings]
      : undefined;
  // The record knows which attributes belong to which name; a trace has them by name alone.
  return found as Lowering | undefined;
};
