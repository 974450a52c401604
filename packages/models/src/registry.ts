import { FormatError } from "@tessera/tensor";
import {
  BertConfig,
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
} from "./architectures/bert/index.ts";
import {
  DistilBertConfig,
  DistilBertForMaskedLM,
  DistilBertForQuestionAnswering,
  DistilBertForSequenceClassification,
  DistilBertForTokenClassification,
  DistilBertModel,
} from "./architectures/distilbert/index.ts";
import { GPT2Config, GPT2LMHeadModel, GPT2Model } from "./architectures/gpt2/index.ts";
import { LlamaConfig, LlamaForCausalLM, LlamaModel } from "./architectures/llama/index.ts";
import {
  RobertaConfig,
  RobertaForMaskedLM,
  RobertaForQuestionAnswering,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaModel,
} from "./architectures/roberta/index.ts";
import { ViTConfig, ViTForImageClassification, ViTModel } from "./architectures/vit/index.ts";
import { showJson } from "@tessera/tensor/files";
import type { ConfigClass, JsonObject } from "./config/pre-trained-config.ts";
import type { Folder } from "./hub/file-store.ts";
import { openModel } from "./hub/open-model.ts";
import { readConfigFile, type Pretrained } from "./hub/pretrained.ts";
import type { LoadOptions, PreTrainedModel, PreTrainedModelClass } from "./pre-trained-model.ts";

export * from "./architectures/bert/index.ts";
export * from "./architectures/distilbert/index.ts";
export * from "./architectures/gpt2/index.ts";
export * from "./architectures/llama/index.ts";
export * from "./architectures/roberta/index.ts";
export * from "./architectures/vit/index.ts";

/** Every architecture: its configuration, its model without a head, and its model for each task that it has. */
export const architectures = {
  bert: {
    config: BertConfig,
    classes: {
      model: BertModel,
      maskedLM: BertForMaskedLM,
      sequenceClassification: BertForSequenceClassification,
      tokenClassification: BertForTokenClassification,
      questionAnswering: BertForQuestionAnswering,
    },
  },
  distilbert: {
    config: DistilBertConfig,
    classes: {
      model: DistilBertModel,
      maskedLM: DistilBertForMaskedLM,
      sequenceClassification: DistilBertForSequenceClassification,
      tokenClassification: DistilBertForTokenClassification,
      questionAnswering: DistilBertForQuestionAnswering,
    },
  },
  gpt2: { config: GPT2Config, classes: { model: GPT2Model, causalLM: GPT2LMHeadModel } },
  llama: { config: LlamaConfig, classes: { model: LlamaModel, causalLM: LlamaForCausalLM } },
  roberta: {
    config: RobertaConfig,
    classes: {
      model: RobertaModel,
      maskedLM: RobertaForMaskedLM,
      sequenceClassification: RobertaForSequenceClassification,
      tokenClassification: RobertaForTokenClassification,
      questionAnswering: RobertaForQuestionAnswering,
    },
  },
  vit: { config: ViTConfig, classes: { model: ViTModel, imageClassification: ViTForImageClassification } },
} as const satisfies { readonly [name: string]: Architecture };

/** What models are for; `model` is the one without a head. */
export type Task =
  | "model"
  | "maskedLM"
  | "sequenceClassification"
  | "tokenClassification"
  | "questionAnswering"
  | "causalLM"
  | "imageClassification";

interface Architecture {
  readonly config: ConfigClass;
  readonly classes: { readonly [task in Task]?: { readonly architecture: string } };
}

type Rows = (typeof architectures)[keyof typeof architectures];
/** Of each row its class for the task, where it has one. */
type ClassFor<T extends Task, Classes = Rows["classes"]> = Classes extends { readonly [task in T]: infer Class }
  ? Class
  : never;
type MadeBy<Class> = Class extends abstract new (...args: never[]) => infer M ? Extract<M, PreTrainedModel> : never;

/** The models of all architectures that have the task. */
export type ModelFor<T extends Task> = MadeBy<ClassFor<T>>;

/** A class as the registry gives it out: of any architecture, to be loaded from a folder. */
export type LoadableClass<M extends PreTrainedModel = PreTrainedModel> = PreTrainedModelClass<M> & {
  fromPretrained(folder: Folder, options?: LoadOptions<M["config"]>): Promise<Pretrained<M>>;
};

// Pure, so that who imports one architecture does not bundle them all; and so below.
const rows: readonly Architecture[] = /* @__PURE__ */ Object.values(architectures);

const anyOf = (names: readonly string[]): string => names.join(", ").replace(/, ([^,]*)$/, " or $1");

/** Whether a configuration is of an architecture: by `model_type`, or where that is not said by the class it names. */
const isOf = ({ config, classes }: Architecture, { model_type: type, architectures: named }: JsonObject): boolean =>
  type === undefined || type === null
    ? Object.values(classes).some(({ architecture }) => Array.isArray(named) && named[0] === architecture)
    : config.modelTypes.includes(type as string);

/**
 * The class that a `config.json` itself names in `architectures`; with a task, that of its architecture for this task.
 *
 * @throws FormatError naming those that exist, when it is none of them
 * @example
 * findModelClass({ model_type: "bert", architectures: ["BertForMaskedLM"] }); // BertForMaskedLM
 * findModelClass({ model_type: "bert" }, "sequenceClassification"); // BertForSequenceClassification
 */
export const findModelClass = (config: JsonObject, task?: Task): LoadableClass => {
  if (task) return classFor("findModelClass", task, "config.json", config);
  const { architectures: named } = config;
  const wanted: unknown = Array.isArray(named) ? named[0] : undefined;
  const all = rows.flatMap(({ classes }) => Object.values(classes));
  const found = all.find(({ architecture }) => architecture === wanted);
  if (!found)
    throw new FormatError(
      `config.json: expected architectures to name ${anyOf(all.map(({ architecture }) => architecture))}, got ${wanted === undefined ? "none" : showJson(wanted)}; load it with a class of your own, or with an AutoModel for another head`,
    );
  return found as unknown as LoadableClass;
};

/** Chooses a class by the `config.json` of a folder. */
export interface AutoModel<T extends Task> {
  /**
   * Reads a folder with the class of its architecture that has this head; a head that the checkpoint does not have starts afresh.
   *
   * @throws FormatError naming the architectures that exist, when the folder's is none of them
   * @throws what the class's own `fromPretrained` throws
   */
  fromPretrained(folder: Folder, options?: LoadOptions<ModelFor<T>["config"]>): Promise<Pretrained<ModelFor<T>>>;
}

const autoModel = <T extends Task>(name: string, task: T): AutoModel<T> => ({
  fromPretrained: async (where, options) => {
    const folder = await openModel(where, options?.hub);
    const Class = classFor(name, task, `${folder.name}/config.json`, await readConfigFile(folder));
    return (Class as unknown as LoadableClass<ModelFor<T>>).fromPretrained(folder, options);
  },
});

/** @param file where the configuration was read, for the message */
const classFor = (name: string, task: Task, file: string, config: JsonObject): LoadableClass => {
  const able = rows.filter(({ classes }) => classes[task]);
  const row = able.find((one) => isOf(one, config));
  if (row) return row.classes[task] as unknown as LoadableClass;
  const { model_type: type, architectures: named } = config;
  const got =
    type === undefined || type === null
      ? `architectures ${named === undefined ? "none" : showJson(named)}`
      : showJson(type);
  throw new FormatError(
    `${name}: expected model_type ${anyOf(able.flatMap(({ config: { modelTypes } }) => modelTypes))}, got ${got} in ${file}; an architecture of your own loads with its own class`,
  );
};

/**
 * The model without a head, of whatever architecture the folder is.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoModel AutoModel}.
 *
 * @example
 * const { model } = await AutoModel.fromPretrained("runs/pretrain");
 */
export const AutoModel = /* @__PURE__ */ autoModel("AutoModel", "model");

/**
 * The masked language model of whatever architecture the folder is.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoModelForMaskedLM AutoModelForMaskedLM}.
 *
 * @example
 * const { model } = await AutoModelForMaskedLM.fromPretrained("runs/pretrain");
 */
export const AutoModelForMaskedLM = /* @__PURE__ */ autoModel("AutoModelForMaskedLM", "maskedLM");

/**
 * The classifier of whatever architecture the folder is.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoModelForSequenceClassification AutoModelForSequenceClassification}.
 *
 * @example
 * const { model } = await AutoModelForSequenceClassification.fromPretrained("runs/pretrain", { numLabels: 6 });
 */
export const AutoModelForSequenceClassification = /* @__PURE__ */ autoModel(
  "AutoModelForSequenceClassification",
  "sequenceClassification",
);

/**
 * The classifier of tokens of whatever architecture the folder is.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoModelForTokenClassification AutoModelForTokenClassification}.
 *
 * @example
 * const { model } = await AutoModelForTokenClassification.fromPretrained("runs/pretrain", { id2label: { 0: "O", 1: "NAME" } });
 */
export const AutoModelForTokenClassification = /* @__PURE__ */ autoModel(
  "AutoModelForTokenClassification",
  "tokenClassification",
);

/**
 * The model that marks answers in a text, of whatever architecture the folder is.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoModelForQuestionAnswering AutoModelForQuestionAnswering}.
 *
 * @example
 * const { model } = await AutoModelForQuestionAnswering.fromPretrained("runs/pretrain");
 */
export const AutoModelForQuestionAnswering = /* @__PURE__ */ autoModel(
  "AutoModelForQuestionAnswering",
  "questionAnswering",
);

/**
 * The model that predicts the next token, of whatever architecture the folder is.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoModelForCausalLM AutoModelForCausalLM}.
 *
 * @example
 * const { model } = await AutoModelForCausalLM.fromPretrained("runs/gpt2");
 * const [ids] = await generate(model, [464, 3290], { maxNewTokens: 20 });
 */
export const AutoModelForCausalLM = /* @__PURE__ */ autoModel("AutoModelForCausalLM", "causalLM");

/**
 * The classifier of images of whatever architecture the folder is.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoModelForImageClassification AutoModelForImageClassification}.
 *
 * @example
 * const { model } = await AutoModelForImageClassification.fromPretrained("runs/vit");
 */
export const AutoModelForImageClassification = /* @__PURE__ */ autoModel(
  "AutoModelForImageClassification",
  "imageClassification",
);

export { AutoTokenizer, tokenizers, type AnyTokenizer } from "./auto-tokenizer.ts";
