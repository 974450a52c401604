import { namedScope } from "../named-scope.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { cat, contiguous, narrow, reshape } from "./move/move.ts";

/**
 * The elements moved `shifts` places along a dim, those that fall off coming back at the start; without a dim, of the
 * flattened tensor. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.roll.html torch.roll}
 *
 * @example
 * await roll(tensor([1, 2, 3]), 1).data(); // [3, 1, 2]
 */
export const roll = (x: Tensor, shifts: number, dim?: number): Tensor =>
  namedScope("roll", () => {
    if (dim === undefined) return reshape(roll(reshape(x, [-1]), shifts, 0), x.shape);
    const at = normalizeDim("roll", dim, x.shape);
    const size = x.shape[at] ?? 0;
    const shift = size === 0 ? 0 : ((shifts % size) + size) % size;
    if (shift === 0) return contiguous(x).alias();
    return cat([narrow(x, at, size - shift, shift), narrow(x, at, 0, size - shift)], at);
  });
