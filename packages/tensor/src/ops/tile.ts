import { ArgumentError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { checkList, checkCount, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { expand, reshape } from "./move/move.ts";

/**
 * The tensor repeated `repeats[d]` times along each dim; more repeats than dims add leading ones.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.Tensor.repeat.html torch.Tensor.repeat}
 *
 * @throws ArgumentError when there are fewer repeats than dims.
 * @example
 * await tile(tensor([1, 2]), [2]).data(); // [1, 2, 1, 2]
 */
export const tile = (x: Tensor, repeats: readonly number[]): Tensor =>
  namedScope("tile", () => {
    checkList("tile", "repeats", repeats);
    if (repeats.length < x.ndim)
      throw new ArgumentError(
        `tile: expected a repeat for each dim of ${showShape(x.shape)}, got ${showShape(repeats)}`,
      );
    for (const count of repeats) checkCount("tile", "a repeat", count);
    const shape = [...new Array<number>(repeats.length - x.ndim).fill(1), ...x.shape];
    // [a, b] → [1, a, 1, b] → [n, a, m, b] → [n·a, m·b]
    const spread = expand(
      reshape(
        x,
        shape.flatMap((size) => [1, size]),
      ),
      shape.flatMap((size, d) => [repeats[d]!, size]),
    );
    return reshape(
      spread,
      shape.map((size, d) => size * repeats[d]!),
    );
  });
