import { arange } from "../create.ts";
import { namedScope } from "../named-scope.ts";
import { checkList, normalizeDims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { indexSelect } from "./index/index.ts";
import { contiguous } from "./move/move.ts";

/**
 * The elements in reverse order along some dims. Shape: any → same.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.flip.html torch.flip}
 *
 * @throws ShapeError when a dim is outside or named twice.
 * @example
 * await flip(tensor([1, 2, 3]), [0]).data(); // [3, 2, 1]
 */
export const flip = (x: Tensor, dims: readonly number[]): Tensor =>
  namedScope("flip", () => {
    checkList("flip", "dims", dims);
    let y = x;
    if (dims.length > 0)
      for (const d of normalizeDims("flip", dims, x.shape))
        if (x.shape[d]! > 0) y = indexSelect(y, d, arange(x.shape[d]! - 1, -1, { step: -1, device: x.device }));
    return contiguous(y).alias();
  });
