import { mean, ShapeError, sum, type Tensor } from "@tessera/tensor";
import { sameShape, showShape } from "@tessera/tensor/extend";

/** What becomes of the losses of the elements: their mean, their sum, or themselves. */
export type Reduction = "mean" | "sum" | "none";

export const reduceLoss = (losses: Tensor, reduction: Reduction): Tensor =>
  reduction === "mean" ? mean(losses) : reduction === "sum" ? sum(losses) : losses;

/** Losses of elements do not broadcast: a [n, 1] beside a [n] is nearly always a mistake. */
export const checkSameShape = (op: string, input: Tensor, target: Tensor): void => {
  if (!sameShape(input.shape, target.shape))
    throw new ShapeError(
      `${op}: expected an input and a target of one shape, got ${showShape(input.shape)} and ${showShape(target.shape)}; reshape or expand one`,
    );
};
