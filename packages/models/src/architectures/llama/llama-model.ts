import { KeyValueCache, ModuleList, RotaryEmbedding, type Embedding, type RMSNorm } from "@tessera/nn";
import { ShapeError } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { ModelOptions } from "../../model-options.ts";
import { cachedTokens, keyMaskOf, type DecoderFeatures, type DecoderInputs } from "../../tasks/causal-lm.ts";
import { runLayers } from "../run-layers.ts";
import type { LlamaConfig } from "./llama-config.ts";
import { LlamaDecoderLayer, LlamaInit } from "./llama-layers.ts";
import { LlamaPreTrained } from "./llama-pre-trained.ts";
import { ropeOf } from "./rope-parameters.ts";

/**
 * Llama without a head, with the parameter names of Hugging Face's class of that name: RMS norms before each part, rotary positions, gated
 * feed-forward layers, groups of heads that share keys and values.
 *
 * Shape: inputIds `[batch, tokens]`, int32 → `[batch, tokens, hidden]`.
 *
 * Source: Touvron et al. 2023, {@link https://arxiv.org/abs/2302.13971 LLaMA};
 * {@link https://huggingface.co/docs/transformers/model_doc/llama#transformers.LlamaModel LlamaModel}.
 *
 * @example
 * const config = new LlamaConfig({ vocabSize: 300, hiddenSize: 64, intermediateSize: 128, numHiddenLayers: 2, numAttentionHeads: 4 });
 * const { lastHiddenState } = new LlamaModel(config).forward({ inputIds: tensor(new Int32Array([1, 17, 3]), [1, 3]) });
 */
export class LlamaModel extends LlamaPreTrained {
  static override readonly architecture: string = "LlamaModel";

  readonly embed_tokens: Embedding; // [vocab, hidden]
  readonly layers: ModuleList<LlamaDecoderLayer>;
  readonly norm: RMSNorm;
  readonly rotary_emb: RotaryEmbedding;

  constructor(config: LlamaConfig, options: ModelOptions = {}) {
    super(config);
    const { vocabSize, hiddenSize, numHiddenLayers, padTokenId, maxPositionEmbeddings: maxPositions } = config;
    const make = new LlamaInit(config, options);
    this.embed_tokens = make.table(vocabSize, hiddenSize, { paddingIdx: padTokenId ?? undefined });
    this.layers = new ModuleList(Array.from({ length: numHiddenLayers }, () => new LlamaDecoderLayer(make)));
    this.norm = make.rmsNorm();
    this.rotary_emb = new RotaryEmbedding(make.headDim, { ...ropeOf(config), maxPositions, device: options.device });
  }

  /** An empty cache for each layer: dispose them when the generation ends. */
  newCache(): KeyValueCache[] {
    return Array.from(this.layers, () => new KeyValueCache());
  }

  /** @throws ShapeError when the inputs' shapes do not fit together, or there are more tokens than positions. */
  forward(inputs: DecoderInputs): DecoderFeatures {
    const { inputIds, positionIds, cache, outputHiddenStates: all = false } = inputs;
    const { architecture } = LlamaModel;
    if (inputIds.ndim !== 2)
      throw new ShapeError(
        `${architecture}: expected inputIds [batch, tokens], got ${showShape(inputIds.shape)}; unsqueeze(ids, 0)?`,
      );
    const [, tokens] = inputIds.shape as [number, number];
    const past = cachedTokens(cache, this.layers.length, architecture);
    const { maxPositionEmbeddings: max } = this.config;
    if (!positionIds && past + tokens > max)
      throw new ShapeError(
        `${architecture}: expected at most ${max} tokens (maxPositionEmbeddings), got ${past + tokens}; shorten the text`,
      );
    const rotation = this.rotary_emb.rotation(tokens, { offset: past, positionIds });
    const attnMask = keyMaskOf(inputs, past, architecture);
    const states = runLayers(this.layers, this.embed_tokens.forward(inputIds), all, (layer, state, i) =>
      layer.forward(state, { attnMask, rotation, cache: cache?.[i] }),
    );
    const lastHiddenState = this.norm.forward(states.pop()!);
    return { lastHiddenState, ...(all ? { hiddenStates: [...states, lastHiddenState] } : {}) };
  }
}
