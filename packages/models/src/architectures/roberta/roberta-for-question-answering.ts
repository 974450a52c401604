import type { TensorModule } from "@tessera/nn";
import type { ModelOptions } from "../../model-options.ts";
import {
  answerSpans,
  type QuestionAnsweringInputs,
  type QuestionAnsweringOutput,
} from "../../tasks/question-answering.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import type { RobertaConfig } from "./roberta-config.ts";
import { RobertaModel } from "./roberta-model.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

/**
 * RoBERTa that marks the answer to a question in a text: two numbers a token, for its start and its end. Parameter names are those of
 * Hugging Face's class of that name. The loss is the mean of the cross-entropies of both.
 *
 * Shape: inputIds `[batch, tokens]` → startLogits and endLogits `[batch, tokens]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaForQuestionAnswering RobertaForQuestionAnswering}.
 *
 * @example
 * const { model } = await RobertaForQuestionAnswering.fromPretrained("runs/pretrain");
 */
export class RobertaForQuestionAnswering extends RobertaPreTrained {
  static override readonly architecture: string = "RobertaForQuestionAnswering";

  readonly roberta: RobertaModel;
  readonly qa_outputs: TensorModule; // [2, hidden]

  constructor(config: RobertaConfig, options: ModelOptions = {}) {
    super(config);
    this.roberta = new RobertaModel(config, { ...options, addPoolingLayer: false });
    this.qa_outputs = new EncoderInit(config, options).linear(config.hiddenSize, 2);
  }

  /** @throws ShapeError when the positions are not one a text. */
  forward(inputs: QuestionAnsweringInputs): QuestionAnsweringOutput {
    const { lastHiddenState, hiddenStates } = this.roberta.forward(inputs);
    const spans = answerSpans(
      this.qa_outputs.forward(lastHiddenState),
      inputs,
      RobertaForQuestionAnswering.architecture,
    );
    return { ...spans, ...(hiddenStates ? { hiddenStates } : {}) };
  }
}
