import { ArgumentError, crossEntropy, indexSelect, reshape, ShapeError, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { TextFeatures, TextInputs } from "./text-inputs.ts";

export interface MaskedLMInputs extends TextInputs {
  /**
   * The token that belongs at each place, −100 where the loss does not look. Shape: `[batch, tokens]`, or, beside
   * `labelPositions`, `[positions]`.
   */
  labels?: Tensor | undefined;
  /**
   * Where the labels are, as indices into the flat `[batch · tokens]`: the head runs there alone. A position without a label
   * pads the list. Shape: `[positions]`, int32.
   */
  labelPositions?: Tensor | undefined;
  /**
   * Asks for logits beside the loss when there are `labelPositions`: all of them, or with `"positions"` those at the positions.
   * Without `labelPositions`, logits are always there.
   */
  returnLogits?: boolean | "positions" | undefined;
}

export interface MaskedLMOutput {
  /** The mean cross-entropy of the labels, in nats; when there are labels. */
  loss?: Tensor;
  /** Shape: `[batch, tokens, vocab]`; `[positions, vocab]` with `returnLogits: "positions"`. */
  logits?: Tensor;
  hiddenStates?: Tensor[];
}

/** The two halves of a masked language model. */
export interface MaskedLMParts {
  /** The class that asks, for messages. */
  readonly architecture: string;
  readonly features: (inputs: TextInputs) => TextFeatures;
  /** Shape: `[rows, hidden]` → `[rows, vocab]`. */
  readonly head: (rows: Tensor) => Tensor;
}

/**
 * Loss and logits of a masked language model, the head on no more positions than asked for.
 *
 * @throws ShapeError when the labels' shape does not fit
 */
export const maskedLM = ({ architecture, features, head }: MaskedLMParts, inputs: MaskedLMInputs): MaskedLMOutput => {
  const { inputIds, labels, labelPositions, returnLogits = false } = inputs;
  if (returnLogits === "positions" && !labelPositions)
    throw new ArgumentError(
      `${architecture}: expected labelPositions beside returnLogits "positions", got none; give them, or ask for all logits with true`,
    );
  const { lastHiddenState, hiddenStates } = features(inputs);
  const states = hiddenStates ? { hiddenStates } : {};
  const rows = reshape(lastHiddenState, [-1, lastHiddenState.size(-1)]);
  if (labelPositions && (returnLogits === "positions" || (labels && !returnLogits))) {
    const logits = head(indexSelect(rows, 0, labelPositions));
    return {
      ...(labels ? { loss: crossEntropy(logits, labelsAt(labels, labelPositions, architecture)) } : {}),
      ...(returnLogits ? { logits } : {}),
      ...states,
    };
  }
  const flat = head(rows);
  const logits = reshape(flat, [...inputIds.shape, flat.size(-1)]);
  if (!labels) return { logits, ...states };
  const loss = labelPositions
    ? crossEntropy(indexSelect(flat, 0, labelPositions), labelsAt(labels, labelPositions, architecture))
    : crossEntropy(flat, flatLabels(labels, inputIds, architecture));
  return { loss, logits, ...states };
};

/** Labels at positions: as they are given, or gathered out of the whole. */
const labelsAt = (labels: Tensor, positions: Tensor, architecture: string): Tensor => {
  if (labels.ndim === 2) return indexSelect(reshape(labels, [-1]), 0, positions);
  if (showShape(labels.shape) !== showShape(positions.shape))
    throw new ShapeError(
      `${architecture}: expected a label for each of labelPositions ${showShape(positions.shape)}, got labels ${showShape(labels.shape)}`,
    );
  return labels;
};

const flatLabels = (labels: Tensor, inputIds: Tensor, architecture: string): Tensor => {
  if (showShape(labels.shape) !== showShape(inputIds.shape))
    throw new ShapeError(
      `${architecture}: expected labels ${showShape(inputIds.shape)} as inputIds, got ${showShape(labels.shape)}; give labelPositions beside a list of labels`,
    );
  return reshape(labels, [-1]);
};
