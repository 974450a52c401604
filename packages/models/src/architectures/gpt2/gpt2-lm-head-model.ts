import { Linear, type KeyValueCache } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import { causalLM, type CausalLMInputs, type CausalLMOutput, type DecoderInputs } from "../../tasks/causal-lm.ts";
import type { GPT2Config } from "./gpt2-config.ts";
import { GPT2Init } from "./gpt2-layers.ts";
import { GPT2Model } from "./gpt2-model.ts";
import { GPT2PreTrained } from "./gpt2-pre-trained.ts";

/**
 * GPT-2 with the head that predicts the next token, with the parameter names of Hugging Face's class of that name. `generate` writes
 * texts with it.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, vocab]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/gpt2#transformers.GPT2LMHeadModel GPT2LMHeadModel}.
 *
 * @example
 * const { model } = await GPT2LMHeadModel.fromPretrained("gpt2");
 * const [ids] = await generate(model, [464, 3290], { maxNewTokens: 20 });
 */
export class GPT2LMHeadModel extends GPT2PreTrained {
  static override readonly architecture: string = "GPT2LMHeadModel";

  /** `forward` heeds masks and positions, so `generate` may pad. */
  readonly leftPadding = true;
  readonly transformer: GPT2Model;
  readonly lm_head: Linear; // [vocab, n]; may be the word embeddings'

  constructor(config: GPT2Config, options: ModelOptions = {}) {
    super(config);
    const { nEmbd, vocabSize, tieWordEmbeddings } = config;
    this.transformer = new GPT2Model(config, options);
    this.lm_head = new Linear(nEmbd, vocabSize, {
      bias: false,
      weight: tieWordEmbeddings
        ? this.transformer.wte.weight
        : new GPT2Init(config, options).normal([vocabSize, nEmbd]),
    });
  }

  /** An empty cache for each layer: dispose them when the generation ends. */
  newCache(): KeyValueCache[] {
    return this.transformer.newCache();
  }

  /** @throws ShapeError when the labels' shape does not fit. */
  forward(inputs: CausalLMInputs): CausalLMOutput {
    const parts = {
      architecture: GPT2LMHeadModel.architecture,
      features: (text: DecoderInputs) => this.transformer.forward(text),
      head: (x: Tensor) => this.lm_head.forward(x),
    };
    return causalLM(parts, inputs);
  }
}
