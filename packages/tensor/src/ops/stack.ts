import { namedScope } from "../named-scope.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cat, unsqueeze } from "./move/move.ts";

/**
 * The tensors along a new dim. Shape: n of [a, b] → [n, a, b] for dim 0.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.stack.html torch.stack}
 *
 * @throws ShapeError when the shapes differ.
 */
export const stack = (tensors: readonly Tensor[], dim = 0): Tensor =>
  namedScope("stack", () => {
    const at = normalizeDim("stack", dim, tensors[0]?.shape ?? [], 1);
    return cat(
      tensors.map((x) => unsqueeze(x, at)),
      at,
    );
  });
