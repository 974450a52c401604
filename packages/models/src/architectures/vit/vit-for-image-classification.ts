import type { TensorModule } from "@tessera/nn";
import { select } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import type { ImageClassificationInputs, ImageClassificationOutput } from "../../tasks/image-classification.ts";
import { sequenceLoss } from "../../tasks/sequence-classification.ts";
import type { ViTConfig } from "./vit-config.ts";
import { ViTInit } from "./vit-layers.ts";
import { ViTModel } from "./vit-model.ts";
import { ViTPreTrained } from "./vit-pre-trained.ts";

/**
 * A vision transformer with a classifier on the class token, with the parameter names of Hugging Face's checkpoints.
 *
 * The loss is cross-entropy for class numbers, the squared error for one label, binary cross-entropy for float labels; the
 * configuration's `problemType` decides where that guess is wrong.
 *
 * Shape: pixelValues `[batch, channels, height, width]` → logits `[batch, labels]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/vit#transformers.ViTForImageClassification ViTForImageClassification}.
 *
 * @example
 * const { model } = await ViTForImageClassification.fromPretrained("runs/vit");
 * const { logits } = model.forward({ pixelValues: images });
 */
export class ViTForImageClassification extends ViTPreTrained {
  static override readonly architecture: string = "ViTForImageClassification";

  readonly vit: ViTModel;
  readonly classifier: TensorModule; // [labels, hidden]

  constructor(config: ViTConfig, options: ModelOptions = {}) {
    super(config);
    this.vit = new ViTModel(config, { ...options, addPoolingLayer: false });
    this.classifier = new ViTInit(config, options).linear(config.hiddenSize, config.numLabels);
  }

  /** @throws ShapeError when the images have other sizes than the configuration's, or the labels do not fit the problem. */
  forward(inputs: ImageClassificationInputs): ImageClassificationOutput {
    const { lastHiddenState, hiddenStates } = this.vit.forward(inputs);
    const logits = this.classifier.forward(select(lastHiddenState, 1, 0));
    const { problemType, numLabels } = this.config;
    const problem = { architecture: ViTForImageClassification.architecture, problemType, numLabels };
    return {
      ...(inputs.labels ? { loss: sequenceLoss(problem, logits, inputs.labels) } : {}),
      logits,
      ...(hiddenStates ? { hiddenStates } : {}),
    };
  }
}
