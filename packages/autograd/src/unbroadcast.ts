import { reshape, sum, type Tensor } from "@tessera/tensor";
import { sameShape } from "@tessera/tensor/extend";

/**
 * Undoes broadcasting for a gradient: Σ over the dims that were added or stretched. An element that was used several times
 * gets the sum of the gradients of its uses.
 */
export const unbroadcast = (dy: Tensor, shape: readonly number[]): Tensor => {
  if (sameShape(dy.shape, shape)) return dy;
  const lead = dy.ndim - shape.length;
  const stretched = dy.shape.flatMap((size, d) => (d < lead || (shape[d - lead] === 1 && size !== 1) ? [d] : []));
  return reshape(sum(dy, { dim: stretched, keepdim: true }), shape);
};
