import type { TensorModule } from "@tessera/nn";
import type { ModelOptions } from "../../model-options.ts";
import {
  answerSpans,
  type QuestionAnsweringInputs,
  type QuestionAnsweringOutput,
} from "../../tasks/question-answering.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import type { BertConfig } from "./bert-config.ts";
import { BertModel } from "./bert-model.ts";
import { BertPreTrained } from "./bert-pre-trained.ts";

/**
 * BERT that marks the answer to a question in a text: two numbers a token, for its start and its end. Parameter names are those of
 * Hugging Face's class of that name. The loss is the mean of the cross-entropies of both.
 *
 * Shape: inputIds `[batch, tokens]` → startLogits and endLogits `[batch, tokens]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertForQuestionAnswering BertForQuestionAnswering}.
 *
 * @example
 * const { model } = await BertForQuestionAnswering.fromPretrained("runs/pretrain");
 */
export class BertForQuestionAnswering extends BertPreTrained {
  static override readonly architecture: string = "BertForQuestionAnswering";

  readonly bert: BertModel;
  readonly qa_outputs: TensorModule; // [2, hidden]

  constructor(config: BertConfig, options: ModelOptions = {}) {
    super(config);
    this.bert = new BertModel(config, { ...options, addPoolingLayer: false });
    this.qa_outputs = new EncoderInit(config, options).linear(config.hiddenSize, 2);
  }

  /** @throws ShapeError when the positions are not one a text. */
  forward(inputs: QuestionAnsweringInputs): QuestionAnsweringOutput {
    const { lastHiddenState, hiddenStates } = this.bert.forward(inputs);
    const spans = answerSpans(this.qa_outputs.forward(lastHiddenState), inputs, BertForQuestionAnswering.architecture);
    return { ...spans, ...(hiddenStates ? { hiddenStates } : {}) };
  }
}
