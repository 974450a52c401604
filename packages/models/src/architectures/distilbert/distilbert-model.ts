import type { ModelOptions } from "../../model-options.ts";
import { attentionMaskOf, type TextFeatures, type TextInputs } from "../../tasks/text-inputs.ts";
import type { DistilBertConfig } from "./distilbert-config.ts";
import { DistilBertEmbeddings, DistilBertInit, DistilBertTransformer } from "./distilbert-layers.ts";
import { DistilBertPreTrained } from "./distilbert-pre-trained.ts";

/**
 * DistilBERT without a head, with the parameter names of Hugging Face's class of that name: a BERT of half the layers, without types of
 * tokens and without a pooler.
 *
 * Shape: inputIds `[batch, tokens]`, int32 → `[batch, tokens, dim]`.
 *
 * Source: Sanh et al. 2019, {@link https://arxiv.org/abs/1910.01108 DistilBERT};
 * {@link https://huggingface.co/docs/transformers/model_doc/distilbert#transformers.DistilBertModel DistilBertModel}.
 *
 * @example
 * const model = new DistilBertModel(new DistilBertConfig({ vocabSize: 300, dim: 64, nHeads: 4, hiddenDim: 128 }));
 * const { lastHiddenState } = model.forward({ inputIds: tensor(new Int32Array([2, 17, 3]), [1, 3]) });
 */
export class DistilBertModel extends DistilBertPreTrained {
  static override readonly architecture: string = "DistilBertModel";

  readonly embeddings: DistilBertEmbeddings;
  readonly transformer: DistilBertTransformer;

  constructor(config: DistilBertConfig, options: ModelOptions = {}) {
    super(config);
    const make = new DistilBertInit(config, options);
    this.embeddings = new DistilBertEmbeddings(make);
    this.transformer = new DistilBertTransformer(make);
  }

  /** @throws ShapeError when the inputs' shapes do not fit together, or there are more tokens than positions. */
  forward(inputs: TextInputs): TextFeatures {
    const all = inputs.outputHiddenStates ?? false;
    const states = this.transformer.forward(
      this.embeddings.forward(inputs),
      attentionMaskOf(inputs, DistilBertModel.architecture),
      { all, skipPaddedQueries: inputs.skipPaddedQueries ?? false },
    );
    return { lastHiddenState: states.at(-1)!, ...(all ? { hiddenStates: states } : {}) };
  }
}
