import { DTypeError, mean, ShapeError, sum, type Tensor } from "@tessera/tensor";
import { sameShape, showShape } from "@tessera/tensor/extend";

/** What becomes of the losses of the elements: their mean, their sum, or themselves. */
export type Reduction = "mean" | "sum" | "none";

export const reduceLoss = (losses: Tensor, reduction: Reduction): Tensor =>
  reduction === "mean" ? mean(losses) : reduction === "sum" ? sum(losses) : losses;

/** Losses of elements are of float32, and do not broadcast: a [n, 1] beside a [n] is nearly always a mistake. */
export const checkOperands = (op: string, input: Tensor, target: Tensor): void => {
  for (const { dtype } of [input, target])
    if (dtype !== "float32")
      throw new DTypeError(
        `${op}: expected float32, got ${input.dtype} and ${target.dtype}; cast(x, "float32") first?`,
      );
  if (!sameShape(input.shape, target.shape))
    throw new ShapeError(
      `${op}: expected an input and a target of one shape, got ${showShape(input.shape)} and ${showShape(target.shape)}; reshape or expand one`,
    );
};
