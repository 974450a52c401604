import { Module } from "@tessera/nn";
import { applySparseLayouts, patchByPatterns, sparseLayoutsOf, type Patterns } from "@tessera/sparse";
import { ArgumentError, type Tensor } from "@tessera/tensor";
import type { ConfigClass, ConfigOptions, JsonObject, PreTrainedConfig } from "./config/pre-trained-config.ts";
import type { Folder } from "./hub/file-store.ts";
import type { HubOptions } from "./hub/hub-folder.ts";
import { openModel } from "./hub/open-model.ts";
import {
  loadPretrained,
  savePretrained,
  type LoadPolicy,
  type Pretrained,
  type SavePretrainedOptions,
} from "./hub/pretrained.ts";
import { readState } from "./hub/state-file.ts";
import { transposeWeights } from "./hub/transpose-weights.ts";
import type { ModelOptions } from "./model-options.ts";

/** A class of models that can come out of a folder. */
export interface PreTrainedModelClass<M extends PreTrainedModel> {
  new (config: M["config"], options?: ModelOptions): M;
  readonly architecture: string;
  readonly configClass: ConfigClass<M["config"]>;
  readonly baseModelPrefix: string;
  readonly heads: readonly string[];
  readonly transposed: RegExp | null;
  readonly stale: RegExp | null;
}

/** Options of the configuration take the place of those in `config.json`. */
export type LoadOptions<Config extends PreTrainedConfig> = ConfigOptions<Config> &
  ModelOptions &
  LoadPolicy & {
    /** How a model of the hub is downloaded. */
    readonly hub?: HubOptions | undefined;
    /** Layers that become block-sparse once the weights are there: what `allocate` gives, or a file of patterns. */
    readonly patterns?: Patterns | undefined;
  };

/**
 * What all models with a configuration share: folders to come from and go to. An architecture says once how it is configured,
 * what its body is called and which heads there are; each of its classes says its name.
 *
 * Source: {@link https://huggingface.co/docs/transformers/main_classes/model#transformers.PreTrainedModel PreTrainedModel}.
 *
 * @example
 * class GruModel extends PreTrainedModel<GruConfig> {
 *   static override readonly architecture: string = "GruModel";
 *   static override readonly configClass = GruConfig;
 *   static override readonly baseModelPrefix: string = "gru";
 *   static override readonly heads: readonly string[] = ["lm_head"];
 *   …
 * }
 */
export abstract class PreTrainedModel<Config extends PreTrainedConfig = PreTrainedConfig> extends Module {
  /** Hugging Face's name of the class, for `config.json`; bundlers may change a class's own. */
  static readonly architecture: string = "";
  static readonly configClass: ConfigClass;
  /** What the model without a head is called inside of one with a head: checkpoints of the two differ by that prefix. */
  static readonly baseModelPrefix: string = "";
  /**
   * The paths of all heads that classes of this architecture have, in a model with a head. A class whose own is not in the
   * checkpoint starts it afresh; another class's is left out. Both are named.
   */
  static readonly heads: readonly string[] = [];
  /**
   * Keys of the weights that files hold as `[in, out]`, where the `Linear` in memory has `[out, in]`: those of Hugging Face's `Conv1D`.
   * They are turned when they are read and written.
   */
  static readonly transposed: RegExp | null = null;
  /** Keys of buffers that older files have and models do not: dropped. */
  static readonly stale: RegExp | null = null;

  readonly config: Config;

  constructor(config: Config) {
    super();
    this.config = config;
  }

  /**
   * Reads a folder of Hugging Face's form: `config.json`, `model.safetensors` or the shards that its index names, a tokenizer's
   * files. Block-sparse layers come back as they were saved. Weights that are not finite are loaded, as torch loads them. The model is in evaluation mode; `train()` it.
   *
   * Weights of another head are left out, and a head that the checkpoint does not have starts afresh: both are named in the
   * result, because a new head knows nothing yet.
   *
   * Source: {@link https://huggingface.co/docs/transformers/main_classes/model#transformers.PreTrainedModel.from_pretrained from_pretrained}.
   *
   * A text such as `"FacebookAI/roberta-base"`, where there is no folder of that path, is a model of Hugging Face's hub: it is
   * downloaded through the package `@huggingface/hub`, and kept in Hugging Face's cache.
   *
   * @param folder a path (in Node), the name of a model of the hub, or a store of your own
   * @throws StateDictError that lists every missing, unexpected and misshapen key
   * @throws FormatError or FileStoreError when a file is damaged, missing, or of another kind
   * @throws PatchError when `patterns` name layers that are not there or are block-sparse already
   * @example
   * const { model, missingKeys } = await RobertaForSequenceClassification.fromPretrained("runs/pretrain", { numLabels: 6 });
   */
  static async fromPretrained<M extends PreTrainedModel>(
    this: PreTrainedModelClass<M>,
    folder: Folder,
    options?: LoadOptions<M["config"]>,
  ): Promise<Pretrained<M>> {
    const { device, generator, hub, strict, ignoreMismatchedSizes, patterns, ...changes } = options ?? {};
    const where = { ...(device === undefined ? {} : { device }), ...(generator ? { generator } : {}) };
    const { configClass, baseModelPrefix, heads, transposed, stale } = this;
    const configOf = (json: JsonObject): M["config"] => configClass.fromJSON(json).with(changes);
    const recipe = {
      create: (json: JsonObject) => new this(configOf(json), where),
      minParameters: (json: JsonObject) => configOf(json).minParameters,
      baseModelPrefix,
      heads,
      transposed,
      stale,
    };
    const loaded = await loadPretrained<M>(await openModel(folder, hub), recipe, { strict, ignoreMismatchedSizes });
    try {
      if (patterns) await patchByPatterns(loaded.model, patterns);
      return loaded;
    } catch (error) {
      loaded.model.dispose();
      throw error;
    }
  }

  /**
   * Writes a folder that `fromPretrained` reads, and, with `format: "dense"`, Hugging Face's transformers too. Files that were
   * there are replaced all together or, when the disk is full or the process dies, not at all.
   *
   * @throws FileStoreError when the files cannot be written; what was there is still there
   * @example
   * await model.savePretrained("runs/mine", { format: "dense", files: tokenizer.toFiles() });
   */
  async savePretrained(folder: Folder, options: SavePretrainedOptions = {}): Promise<void> {
    const { architecture, transposed } = this.constructor as typeof PreTrainedModel;
    const config = { ...this.config.toJSON(), architectures: [architecture] };
    await savePretrained(folder, this, config, { ...options, transposed });
  }

  /**
   * Tensors by parameter name in the layout that files have, such as gradients to be compared with Hugging Face's: the weights of its
   * `Conv1D` are turned to `[in, out]`, as views; everything else stays as it is.
   *
   * @example
   * model.inFileLayout(grads).get("transformer.h.0.mlp.c_fc.weight"); // [in, out]
   */
  inFileLayout(tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
    return transposeWeights(tensors, (this.constructor as typeof PreTrainedModel).transposed);
  }

  /**
   * The same model for another number of tokens: rows of embeddings and of a language model's head are kept as far as they go, new ones
   * start as a new model's do. Block-sparse layers stay as they are. This model is left as it is; dispose it where it is not needed.
   *
   * Source: {@link https://huggingface.co/docs/transformers/main_classes/model#transformers.PreTrainedModel.resize_token_embeddings resize_token_embeddings}
   * with `mean_resizing=False`, which changes the model in place.
   *
   * @throws ArgumentError when the configuration has no `vocabSize`, or the size is no whole number ≥ 1
   * @example
   * const larger = await model.resizeTokenEmbeddings(tokenizer.vocabSize);
   */
  async resizeTokenEmbeddings(vocabSize: number, options: ModelOptions = {}): Promise<this> {
    if (!("vocabSize" in this.config))
      throw new ArgumentError(
        "resizeTokenEmbeddings: expected a configuration with vocabSize, got one without; resize the layers yourself",
      );
    if (!Number.isInteger(vocabSize) || vocabSize < 1)
      throw new ArgumentError(
        `resizeTokenEmbeddings: expected a whole number ≥ 1, got ${vocabSize}; pass tokenizer.vocabSize`,
      );
    const Class = this.constructor as PreTrainedModelClass<this>;
    const changes = { vocabSize } as unknown as Parameters<Config["with"]>[0];
    const model = new Class(this.config.with(changes) as this["config"], options);
    try {
      const [own, fresh] = await Promise.all([readState(() => this.stateDict()), readState(() => model.stateDict())]);
      const rows = (shape: readonly number[]): string => shape.slice(1).join();
      for (const [key, value] of own) {
        const target = fresh.get(key);
        if (!target || target.shape[0] === value.shape[0] || rows(target.shape) !== rows(value.shape)) continue;
        const kept = Math.min(target.data.length, value.data.length);
        const data = target.data.slice();
        data.set(value.data.subarray(0, kept));
        own.set(key, { ...target, data });
      }
      applySparseLayouts(model, sparseLayoutsOf(this), own);
      model.loadStateDict(own);
      return this.training ? model.train() : model.eval();
    } catch (error) {
      model.dispose();
      throw error;
    }
  }
}
