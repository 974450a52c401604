import type { Tensor } from "@tessera/tensor";

/** What every model that looks at images is given. */
export interface ImageInputs {
  /** Channels first, as the checkpoint's preprocessor scaled them. Shape: `[batch, channels, height, width]`. */
  pixelValues: Tensor;
  /** Asks for the embeddings and the output of every layer. */
  outputHiddenStates?: boolean | undefined;
}

/** What a model without a head makes of images. */
export interface ImageFeatures {
  /** Of the class token and every patch. Shape: `[batch, 1 + patches, hidden]`. */
  lastHiddenState: Tensor;
  /** A summary, `tanh(W h₀ + b)` of the class token; with a pooling layer. Shape: `[batch, hidden]`. */
  poolerOutput?: Tensor;
  /** The embeddings, then the output of each layer; when asked for. */
  hiddenStates?: Tensor[];
}

export interface ImageClassificationInputs extends ImageInputs {
  /** Class numbers `[batch]` (int32); numbers `[batch]` for regression; 0 and 1 `[batch, labels]` for several labels an image. */
  labels?: Tensor | undefined;
}

export interface ImageClassificationOutput {
  /** When there are labels. */
  loss?: Tensor;
  /** Shape: `[batch, labels]`. */
  logits: Tensor;
  hiddenStates?: Tensor[];
}
