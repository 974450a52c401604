import { add, crossEntropy, maximum, minimum, mul, select, ShapeError, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { TextInputs } from "./text-inputs.ts";

export interface QuestionAnsweringInputs extends TextInputs {
  /** The first token of each answer; one beyond the text does not count in the loss. Shape: `[batch]`, int32. */
  startPositions?: Tensor | undefined;
  /** The last token of each answer, likewise. */
  endPositions?: Tensor | undefined;
}

export interface QuestionAnsweringOutput {
  /** The mean of the cross-entropies of start and end, in nats; when both positions are given. */
  loss?: Tensor;
  /** How well an answer starts at each token. Shape: `[batch, tokens]`. */
  startLogits: Tensor;
  /** How well an answer ends there. Shape: `[batch, tokens]`. */
  endLogits: Tensor;
  hiddenStates?: Tensor[];
}

/**
 * Start, end and loss from the two numbers that the head has for each token.
 *
 * @param scores `[batch, tokens, 2]`
 * @param architecture the class that asks, for messages
 * @throws ShapeError when positions are not one a text
 */
export const answerSpans = (
  scores: Tensor,
  { startPositions, endPositions }: QuestionAnsweringInputs,
  architecture: string,
): QuestionAnsweringOutput => {
  const [startLogits, endLogits] = [select(scores, 2, 0), select(scores, 2, 1)];
  if (!startPositions || !endPositions) return { startLogits, endLogits };
  const [batch, tokens] = startLogits.shape as [number, number];
  const lossOf = (logits: Tensor, positions: Tensor, name: string): Tensor => {
    if (showShape(positions.shape) !== showShape([batch]))
      throw new ShapeError(
        `${architecture}: expected ${name} ${showShape([batch])}, one a text, got ${showShape(positions.shape)}`,
      );
    // Where an answer was truncated away, its position is one that no loss looks at.
    return crossEntropy(logits, minimum(maximum(positions, 0), tokens), { ignoreIndex: tokens });
  };
  const start = lossOf(startLogits, startPositions, "startPositions");
  const end = lossOf(endLogits, endPositions, "endPositions");
  return { loss: mul(add(start, end), 0.5), startLogits, endLogits };
};
