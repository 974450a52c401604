import { crossEntropy, reshape, ShapeError, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { TextInputs } from "./text-inputs.ts";

export interface TokenClassificationInputs extends TextInputs {
  /** The class of every token, −100 where the loss does not look. Shape: `[batch, tokens]`, int32. */
  labels?: Tensor | undefined;
}

export interface TokenClassificationOutput {
  /** The mean cross-entropy of the labels, in nats; when there are labels. */
  loss?: Tensor;
  /** Shape: `[batch, tokens, labels]`. */
  logits: Tensor;
  hiddenStates?: Tensor[];
}

/**
 * The loss of a classifier of tokens: the mean cross-entropy over the labels that are not −100.
 *
 * @param architecture the class that asks, for the message
 * @throws ShapeError when the labels' shape is not the tokens'
 */
export const tokenLoss = (logits: Tensor, labels: Tensor, architecture: string): Tensor => {
  const wanted = logits.shape.slice(0, 2);
  if (showShape(labels.shape) !== showShape(wanted))
    throw new ShapeError(
      `${architecture}: expected labels ${showShape(wanted)}, one a token, got ${showShape(labels.shape)}; pad them with -100`,
    );
  return crossEntropy(reshape(logits, [-1, logits.size(2)]), reshape(labels, [-1]));
};
