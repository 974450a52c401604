import { Dropout, type TensorModule } from "@tessera/nn";
import type { ModelOptions } from "../../model-options.ts";
import {
  answerSpans,
  type QuestionAnsweringInputs,
  type QuestionAnsweringOutput,
} from "../../tasks/question-answering.ts";
import type { DistilBertConfig } from "./distilbert-config.ts";
import { DistilBertInit } from "./distilbert-layers.ts";
import { DistilBertModel } from "./distilbert-model.ts";
import { DistilBertPreTrained } from "./distilbert-pre-trained.ts";

/**
 * DistilBERT that marks the answer to a question in a text: two numbers a token, for its start and its end. Parameter names are those of
 * Hugging Face's class of that name. The loss is the mean of the cross-entropies of both.
 *
 * Shape: inputIds `[batch, tokens]` → startLogits and endLogits `[batch, tokens]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/distilbert#transformers.DistilBertForQuestionAnswering DistilBertForQuestionAnswering}.
 *
 * @example
 * const { model } = await DistilBertForQuestionAnswering.fromPretrained("runs/pretrain");
 */
export class DistilBertForQuestionAnswering extends DistilBertPreTrained {
  static override readonly architecture: string = "DistilBertForQuestionAnswering";

  readonly distilbert: DistilBertModel;
  readonly qa_outputs: TensorModule; // [2, dim]
  readonly dropout: Dropout;

  constructor(config: DistilBertConfig, options: ModelOptions = {}) {
    super(config);
    this.distilbert = new DistilBertModel(config, options);
    this.qa_outputs = new DistilBertInit(config, options).linear(config.dim, 2);
    this.dropout = new Dropout(config.qaDropout);
  }

  /** @throws ShapeError when the positions are not one a text. */
  forward(inputs: QuestionAnsweringInputs): QuestionAnsweringOutput {
    const { lastHiddenState, hiddenStates } = this.distilbert.forward(inputs);
    const scores = this.qa_outputs.forward(this.dropout.forward(lastHiddenState));
    const spans = answerSpans(scores, inputs, DistilBertForQuestionAnswering.architecture);
    return { ...spans, ...(hiddenStates ? { hiddenStates } : {}) };
  }
}
