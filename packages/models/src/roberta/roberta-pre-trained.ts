import { Module } from "@tessera/nn";
import type { Folder } from "../hub/file-store.ts";
import { loadPretrained, savePretrained, type Pretrained, type SavePretrainedOptions } from "../hub/pretrained.ts";
import { RobertaConfig, type RobertaConfigOptions } from "./roberta-config.ts";
import type { ModelOptions } from "./roberta-init.ts";

/** A class of models that can come out of a folder. */
export interface RobertaClass<M extends RobertaPreTrained> {
  new (config: RobertaConfig, options?: ModelOptions): M;
  readonly architecture: string;
  readonly headNames: readonly string[];
}

/** Options of the configuration take the place of those in `config.json`. */
export type FromPretrainedOptions = RobertaConfigOptions & ModelOptions;

/** What all RoBERTa models share: a configuration, and folders to come from and go to. */
export abstract class RobertaPreTrained extends Module {
  /** Hugging Face's name of the class, for `config.json`; bundlers may change a class's own. */
  static readonly architecture: string = "";
  /** The modules that are new in a model whose checkpoint had another head. */
  static readonly headNames: readonly string[] = [];

  readonly config: RobertaConfig;

  constructor(config: RobertaConfig) {
    super();
    this.config = config;
  }

  /**
   * Reads a folder of Hugging Face's form: `config.json`, `model.safetensors`, a tokenizer's files. Block-sparse layers come back
   * as they were saved. The model is in evaluation mode; `train()` it.
   *
   * Weights of another head are left out, and a head that the checkpoint does not have starts afresh: both are named in the
   * result, because a new head knows nothing yet.
   *
   * Source: {@link https://huggingface.co/docs/transformers/main_classes/model#transformers.PreTrainedModel.from_pretrained from_pretrained}.
   *
   * @param folder a path (in Node), or a store of your own
   * @throws StateDictError that lists every missing, unexpected and misshapen key
   * @throws FormatError or FileStoreError when a file is damaged or missing
   * @example
   * const { model, missingKeys } = await RobertaForSequenceClassification.fromPretrained("runs/pretrain", { numLabels: 6 });
   */
  static async fromPretrained<M extends RobertaPreTrained>(
    this: RobertaClass<M>,
    folder: Folder,
    { device, generator, ...options }: FromPretrainedOptions = {},
  ): Promise<Pretrained<M>> {
    const where = { ...(device === undefined ? {} : { device }), ...(generator ? { generator } : {}) };
    return loadPretrained<M>(folder, {
      create: (config) => new this(RobertaConfig.fromJSON(config).with(options), where),
      heads: this.headNames,
    });
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
    const { architecture } = this.constructor as typeof RobertaPreTrained;
    await savePretrained(folder, this, { ...this.config.toJSON(), architectures: [architecture] }, options);
  }
}
