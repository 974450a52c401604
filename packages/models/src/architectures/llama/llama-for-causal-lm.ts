import { Linear, type KeyValueCache } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import { causalLM, type CausalLMInputs, type CausalLMOutput, type DecoderInputs } from "../../tasks/causal-lm.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { LlamaInit } from "./llama-layers.ts";
import { LlamaModel } from "./llama-model.ts";
import { LlamaPreTrained } from "./llama-pre-trained.ts";

/**
 * Llama with the head that predicts the next token, with the parameter names of Hugging Face's class of that name. `generate` writes
 * texts with it.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, vocab]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/llama#transformers.LlamaForCausalLM LlamaForCausalLM}.
 *
 * @example
 * const { model } = await LlamaForCausalLM.fromPretrained("runs/llama");
 * const [ids] = await generate(model, [1, 306, 4966], { maxNewTokens: 20 });
 */
export class LlamaForCausalLM extends LlamaPreTrained {
  static override readonly architecture: string = "LlamaForCausalLM";

  /** `forward` heeds masks and positions, so `generate` may pad. */
  readonly leftPadding = true;
  readonly model: LlamaModel;
  readonly lm_head: Linear; // [vocab, hidden]; may be the word embeddings'

  constructor(config: LlamaConfig, options: ModelOptions = {}) {
    super(config);
    const { hiddenSize, vocabSize, tieWordEmbeddings } = config;
    this.model = new LlamaModel(config, options);
    this.lm_head = new Linear(hiddenSize, vocabSize, {
      bias: false,
      weight: tieWordEmbeddings
        ? this.model.embed_tokens.weight
        : new LlamaInit(config, options).normal([vocabSize, hiddenSize]),
    });
  }

  /** An empty cache for each layer: dispose them when the generation ends. */
  newCache(): KeyValueCache[] {
    return this.model.newCache();
  }

  /** @throws ShapeError when the labels' shape does not fit. */
  forward(inputs: CausalLMInputs): CausalLMOutput {
    const parts = {
      architecture: LlamaForCausalLM.architecture,
      features: (text: DecoderInputs) => this.model.forward(text),
      head: (x: Tensor) => this.lm_head.forward(x),
    };
    return causalLM(parts, inputs);
  }
}
