import { bceWithLogits, mseLoss } from "@tessera/nn";
import { cast, crossEntropy, reshape, ShapeError, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { TextInputs } from "./text-inputs.ts";

/** Kinds of labels, each with a loss of its own, by Hugging Face's names. */
export const PROBLEM_TYPES = ["regression", "single_label_classification", "multi_label_classification"] as const;
export type ProblemType = (typeof PROBLEM_TYPES)[number];

export interface SequenceClassificationInputs extends TextInputs {
  /** Class numbers `[batch]` (int32); numbers `[batch]` for regression; 0 and 1 `[batch, labels]` for several labels a text. */
  labels?: Tensor | undefined;
}

export interface SequenceClassificationOutput {
  /** When there are labels. */
  loss?: Tensor;
  /** Shape: `[batch, labels]`. */
  logits: Tensor;
  hiddenStates?: Tensor[];
}

/** How a classifier is to read its labels. */
export interface SequenceProblem {
  /** The class that asks, for messages. */
  readonly architecture: string;
  /** `null`: it follows from the number of labels and their dtype. */
  readonly problemType: ProblemType | null;
  readonly numLabels: number;
}

/**
 * The loss of a classifier of texts: cross-entropy for class numbers, the squared error for one label, binary cross-entropy for
 * float labels.
 *
 * @throws ShapeError when the labels' shape does not fit the problem
 */
export const sequenceLoss = (
  { architecture, problemType, numLabels }: SequenceProblem,
  logits: Tensor,
  labels: Tensor,
): Tensor => {
  const guess: ProblemType =
    numLabels === 1
      ? "regression"
      : labels.dtype === "int32"
        ? "single_label_classification"
        : "multi_label_classification";
  const problem = problemType ?? guess;
  const batch = logits.size(0);
  const wanted =
    problem === "multi_label_classification" || (problem === "regression" && numLabels > 1)
      ? [batch, numLabels]
      : [batch];
  if (showShape(labels.shape) !== showShape(wanted))
    throw new ShapeError(
      `${architecture}: expected labels ${showShape(wanted)} for ${problem}, got ${showShape(labels.shape)}`,
    );
  if (problem === "single_label_classification") return crossEntropy(logits, labels);
  const targets = reshape(cast(labels, "float32"), logits.shape);
  return problem === "regression" ? mseLoss(logits, targets) : bceWithLogits(logits, targets);
};
