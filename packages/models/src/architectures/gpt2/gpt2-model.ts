import { Dropout, KeyValueCache, ModuleList, type Embedding, type LayerNorm } from "@tessera/nn";
import { add, narrow, ShapeError, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { ModelOptions } from "../../model-options.ts";
import { cachedTokens, keyMaskOf, type DecoderFeatures, type DecoderInputs } from "../../tasks/causal-lm.ts";
import { runLayers } from "../run-layers.ts";
import type { GPT2Config } from "./gpt2-config.ts";
import { GPT2Block, GPT2Init } from "./gpt2-layers.ts";
import { GPT2PreTrained } from "./gpt2-pre-trained.ts";

/**
 * GPT-2 without a head, with the parameter names of Hugging Face's class of that name. Its weights are `[out, in]` in memory, as every
 * `Linear`'s here, and `[in, out]` in files.
 *
 * Shape: inputIds `[batch, tokens]`, int32 → `[batch, tokens, nEmbd]`.
 *
 * Source: Radford et al. 2019,
 * {@link https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf Language Models are Unsupervised Multitask Learners};
 * {@link https://huggingface.co/docs/transformers/model_doc/gpt2#transformers.GPT2Model GPT2Model}.
 *
 * @example
 * const model = new GPT2Model(new GPT2Config({ vocabSize: 300, nEmbd: 64, nHead: 4, nLayer: 2 }));
 * const { lastHiddenState } = model.forward({ inputIds: tensor(new Int32Array([2, 17, 3]), [1, 3]) });
 */
export class GPT2Model extends GPT2PreTrained {
  static override readonly architecture: string = "GPT2Model";

  readonly wte: Embedding; // [vocab, n]
  readonly wpe: Embedding; // [positions, n]
  readonly drop: Dropout;
  readonly h: ModuleList<GPT2Block>;
  readonly ln_f: LayerNorm;

  constructor(config: GPT2Config, options: ModelOptions = {}) {
    super(config);
    const { vocabSize, nPositions, nEmbd, nLayer, embdPdrop } = config;
    const make = new GPT2Init(config, options);
    this.wte = make.table(vocabSize, nEmbd);
    this.wpe = make.table(nPositions, nEmbd);
    this.drop = new Dropout(embdPdrop);
    this.h = new ModuleList(Array.from({ length: nLayer }, (_, layer) => new GPT2Block(make, layer)));
    this.ln_f = make.layerNorm();
  }

  /** An empty cache for each layer: dispose them when the generation ends. */
  newCache(): KeyValueCache[] {
    return Array.from(this.h, () => new KeyValueCache());
  }

  /** @throws ShapeError when the inputs' shapes do not fit together, or there are more tokens than positions. */
  forward(inputs: DecoderInputs): DecoderFeatures {
    const { cache, outputHiddenStates: all = false } = inputs;
    const { architecture } = GPT2Model;
    const past = cachedTokens(cache, this.h.length, architecture);
    const x = this.drop.forward(this.embed(inputs, past));
    const attnMask = keyMaskOf(inputs, past, architecture);
    const states = runLayers(this.h, x, all, (block, state, i) =>
      block.forward(state, { attnMask, cache: cache?.[i] }),
    );
    const lastHiddenState = this.ln_f.forward(states.pop()!);
    return { lastHiddenState, ...(all ? { hiddenStates: [...states, lastHiddenState] } : {}) };
  }

  private embed({ inputIds, positionIds }: DecoderInputs, past: number): Tensor {
    if (inputIds.ndim !== 2)
      throw new ShapeError(
        `GPT2Model: expected inputIds [batch, tokens], got ${showShape(inputIds.shape)}; unsqueeze(ids, 0)?`,
      );
    const [, tokens] = inputIds.shape as [number, number];
    const { nPositions } = this.config;
    if (!positionIds && past + tokens > nPositions)
      throw new ShapeError(
        `GPT2Model: expected at most ${nPositions} tokens (nPositions), got ${past + tokens}; shorten the text`,
      );
    const position = positionIds ? this.wpe.forward(positionIds) : narrow(this.wpe.weight, 0, past, tokens);
    return add(this.wte.forward(inputIds), position);
  }
}
