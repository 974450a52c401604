import { attentionMaskOf, type TextFeatures, type TextInputs } from "../../tasks/text-inputs.ts";
import type { EncoderEmbeddings } from "./encoder-embeddings.ts";
import type { LayerStack } from "./encoder-layer.ts";
import type { EncoderPooler } from "./encoder-pooler.ts";

/** The parts of an encoder without a head. */
export interface EncoderParts {
  readonly embeddings: EncoderEmbeddings;
  readonly encoder: LayerStack;
  readonly pooler: EncoderPooler | null;
}

/**
 * The features of a text: embeddings, layers, and the pooler where there is one.
 *
 * @param architecture the class that asks, for messages
 * @throws ShapeError when the inputs' shapes do not fit together, or there are more tokens than positions
 */
export const encodeText = (
  { embeddings, encoder, pooler }: EncoderParts,
  inputs: TextInputs,
  architecture: string,
): TextFeatures => {
  const all = inputs.outputHiddenStates ?? false;
  const states = encoder.forward(embeddings.forward(inputs), attentionMaskOf(inputs, architecture), {
    all,
    skipPaddedQueries: inputs.skipPaddedQueries ?? false,
  });
  const lastHiddenState = states.at(-1)!;
  return {
    lastHiddenState,
    ...(pooler ? { poolerOutput: pooler.forward(lastHiddenState) } : {}),
    ...(all ? { hiddenStates: states } : {}),
  };
};
