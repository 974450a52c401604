import { ArgumentError, FormatError } from "@tessera/tensor";

/** Activations by Hugging Face's names. `gelu` is the exact one, by erf. */
export const HIDDEN_ACTIVATIONS = [
  "gelu",
  "gelu_new",
  "gelu_pytorch_tanh",
  "gelu_fast",
  "relu",
  "silu",
  "swish",
  "tanh",
] as const;
export type HiddenActivation = (typeof HIDDEN_ACTIVATIONS)[number];

export type ProblemType = "regression" | "single_label_classification" | "multi_label_classification";

/** Everything that shapes a RoBERTa; what is left out has Hugging Face's default. */
export interface RobertaConfigOptions {
  /** Rows of the word embeddings. Default 50265. */
  vocabSize?: number;
  /** Default 768. */
  hiddenSize?: number;
  /** Default 12. */
  numHiddenLayers?: number;
  /** Divides `hiddenSize`. Default 12. */
  numAttentionHeads?: number;
  /** Width of the feed-forward layers. Default 3072. */
  intermediateSize?: number;
  /** Default "gelu". */
  hiddenAct?: HiddenActivation;
  /** Default 0.1. */
  hiddenDropoutProb?: number;
  /** Default 0.1. */
  attentionProbsDropoutProb?: number;
  /** Dropout before the classifier; `null` is `hiddenDropoutProb`. Default null. */
  classifierDropout?: number | null;
  /** Rows of the position embeddings: the longest text has `padTokenId + 1` tokens less. Default 512. */
  maxPositionEmbeddings?: number;
  /** Default 2. */
  typeVocabSize?: number;
  /** Standard deviation of the initial weights. Default 0.02. */
  initializerRange?: number;
  /** Default 1e-12. */
  layerNormEps?: number;
  /** Default 1. */
  padTokenId?: number;
  /** Default 0. */
  bosTokenId?: number;
  /** Default 2. */
  eosTokenId?: number;
  /** Whether the masked-LM head reads its weight from the word embeddings. Default true. */
  tieWordEmbeddings?: boolean;
  /** Which loss the classifier has; by default it follows from the number of labels and the labels' dtype. */
  problemType?: ProblemType | null;
  /** Default 2, or as many as there are names in `id2label`. */
  numLabels?: number;
  /** Default `LABEL_0`, `LABEL_1`, … */
  id2label?: Readonly<Record<number, string>>;
  /** Default: `id2label` the other way round. */
  label2id?: Readonly<Record<string, number>>;
}

/** A JSON object. */
export type JsonObject = { readonly [key: string]: unknown };

const defaults = {
  vocabSize: 50265,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: "gelu",
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  classifierDropout: null,
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  initializerRange: 0.02,
  layerNormEps: 1e-12,
  padTokenId: 1,
  bosTokenId: 0,
  eosTokenId: 2,
  tieWordEmbeddings: true,
  problemType: null,
} as const satisfies Omit<RobertaConfigOptions, "numLabels" | "id2label" | "label2id">;

/** `hiddenSize` ↔ `hidden_size`. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const names = Object.keys(defaults) as (keyof typeof defaults)[];
const handled = new Set(["model_type", "num_labels", "id2label", "label2id", ...names.map(snake)]);

/** Model types of Hugging Face that are RoBERTa to the letter. */
const MODEL_TYPES = ["roberta", "xlm-roberta", "camembert"];

/** Features of Hugging Face's class that this one does not have, by the values that do not need them. */
const unsupported: { readonly [key: string]: (value: unknown) => boolean } = {
  position_embedding_type: (value) => value === "absolute",
  is_decoder: (value) => value === false,
  add_cross_attention: (value) => value === false,
};

/**
 * The sizes and choices of a RoBERTa, with Hugging Face's names in camelCase and their defaults.
 *
 * `fromJSON` and `toJSON` are Hugging Face's `config.json`; keys that mean nothing here are kept in `extra` and written back.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaConfig RobertaConfig}.
 *
 * @throws ArgumentError naming the option that is outside its domain
 * @example
 * const config = new RobertaConfig({ vocabSize: 4096, hiddenSize: 128, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 512 });
 * RobertaConfig.fromJSON(config.toJSON()).hiddenSize; // 128
 */
export class RobertaConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: HiddenActivation;
  readonly hiddenDropoutProb: number;
  readonly attentionProbsDropoutProb: number;
  readonly classifierDropout: number | null;
  readonly maxPositionEmbeddings: number;
  readonly typeVocabSize: number;
  readonly initializerRange: number;
  readonly layerNormEps: number;
  readonly padTokenId: number;
  readonly bosTokenId: number;
  readonly eosTokenId: number;
  readonly tieWordEmbeddings: boolean;
  readonly problemType: ProblemType | null;
  readonly id2label: Readonly<Record<number, string>>;
  readonly label2id: Readonly<Record<string, number>>;
  /** Keys of `config.json` that mean nothing here. */
  readonly extra: JsonObject;

  constructor(options: RobertaConfigOptions = {}, extra: JsonObject = {}) {
    const all = { ...defaults, ...options };
    this.vocabSize = all.vocabSize;
    this.hiddenSize = all.hiddenSize;
    this.numHiddenLayers = all.numHiddenLayers;
    this.numAttentionHeads = all.numAttentionHeads;
    this.intermediateSize = all.intermediateSize;
    this.hiddenAct = all.hiddenAct;
    this.hiddenDropoutProb = all.hiddenDropoutProb;
    this.attentionProbsDropoutProb = all.attentionProbsDropoutProb;
    this.classifierDropout = all.classifierDropout;
    this.maxPositionEmbeddings = all.maxPositionEmbeddings;
    this.typeVocabSize = all.typeVocabSize;
    this.initializerRange = all.initializerRange;
    this.layerNormEps = all.layerNormEps;
    this.padTokenId = all.padTokenId;
    this.bosTokenId = all.bosTokenId;
    this.eosTokenId = all.eosTokenId;
    this.tieWordEmbeddings = all.tieWordEmbeddings;
    this.problemType = all.problemType;
    this.id2label = labelNames(options);
    this.label2id =
      options.label2id ?? Object.fromEntries(Object.entries(this.id2label).map(([id, label]) => [label, Number(id)]));
    this.extra = extra;
    check(this);
  }

  get numLabels(): number {
    return Object.keys(this.id2label).length;
  }

  /** This configuration with some options changed. New labels replace the old ones altogether. */
  with(options: RobertaConfigOptions): RobertaConfig {
    const { extra, id2label, label2id, ...rest } = this;
    const relabelled = options.numLabels !== undefined || options.id2label !== undefined;
    return new RobertaConfig({ ...rest, ...(relabelled ? {} : { id2label, label2id }), ...options }, extra);
  }

  /**
   * Reads a `config.json`, as text or parsed.
   *
   * @throws FormatError when it is no JSON object, another model's, or asks for what is not built here
   * @throws ArgumentError when a value is outside its domain
   */
  static fromJSON(json: unknown): RobertaConfig {
    const source = parseObject(json);
    const type = source["model_type"];
    if (type !== undefined && !MODEL_TYPES.includes(type as string))
      throw new FormatError(
        `config.json: expected model_type roberta, got ${JSON.stringify(type)}; only RoBERTa's architecture is here`,
      );
    for (const [key, fits] of Object.entries(unsupported))
      if (source[key] !== undefined && !fits(source[key]))
        throw new FormatError(
          `config.json: ${key} ${JSON.stringify(source[key])} is not supported; encoders with absolute positions are`,
        );
    const options: Record<string, unknown> = {};
    const take = (name: string, key = snake(name)): boolean => {
      // `null` is Python's "not said"; only for the classifier's dropout is it a value, and there it is the default.
      if (source[key] === undefined || source[key] === null) return false;
      options[name] = source[key];
      return true;
    };
    for (const name of names) take(name);
    if (take("id2label")) take("label2id");
    else take("numLabels");
    // Every value is checked by the constructor.
    return new RobertaConfig(options, leftOver(source, type));
  }

  /** The object that `config.json` holds: keys in order, labels where they are not the default two. */
  toJSON(): JsonObject {
    const { extra, id2label, label2id } = this;
    const out: Record<string, unknown> = { model_type: "roberta", ...extra };
    for (const name of names) if (name !== "problemType" || this.problemType !== null) out[snake(name)] = this[name];
    const plain = this.numLabels === 2 && id2label[0] === "LABEL_0" && id2label[1] === "LABEL_1";
    if (!plain) Object.assign(out, { id2label, label2id });
    return Object.fromEntries(Object.entries(out).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

const parseObject = (json: unknown): JsonObject => {
  let value = json;
  if (typeof json === "string") {
    try {
      value = JSON.parse(json);
    } catch (error) {
      throw new FormatError(`config.json: expected a JSON object, got text that is none (${(error as Error).message})`);
    }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FormatError(`config.json: expected a JSON object, got ${JSON.stringify(value)}`);
  return value as JsonObject;
};

const leftOver = (source: JsonObject, type: unknown): JsonObject => {
  const extra = Object.fromEntries(Object.entries(source).filter(([key]) => !handled.has(key)));
  return type === undefined || type === "roberta" ? extra : { ...extra, model_type: type };
};

const labelNames = ({ id2label, numLabels }: RobertaConfigOptions): Readonly<Record<number, string>> => {
  if (!id2label) {
    if (numLabels !== undefined && !(Number.isInteger(numLabels) && numLabels >= 1))
      refuse("numLabels", "a whole number ≥ 1", numLabels);
    return Object.fromEntries(Array.from({ length: numLabels ?? 2 }, (_, id) => [id, `LABEL_${id}`]));
  }
  const count = Object.keys(id2label).length;
  for (let id = 0; id < count; id++)
    if (typeof id2label[id] !== "string") refuse("id2label", `a name for each of 0 … ${count - 1}`, id2label);
  if (count === 0) refuse("id2label", "at least one name", id2label);
  if (numLabels !== undefined && numLabels !== count)
    refuse("numLabels", `${count}, as many as id2label has`, numLabels);
  return { ...id2label };
};

const refuse = (name: string, expected: string, got: unknown): never => {
  throw new ArgumentError(
    `RobertaConfig: expected ${name} to be ${expected}, got ${JSON.stringify(got) ?? "undefined"}`,
  );
};

const check = (config: RobertaConfig): void => {
  const whole = (least: number, ...keys: (keyof typeof defaults)[]): void => {
    for (const key of keys) {
      const value = config[key];
      if (!(Number.isSafeInteger(value) && (value as number) >= least)) refuse(key, `a whole number ≥ ${least}`, value);
    }
  };
  whole(
    1,
    "vocabSize",
    "hiddenSize",
    "numAttentionHeads",
    "intermediateSize",
    "maxPositionEmbeddings",
    "typeVocabSize",
  );
  whole(0, "numHiddenLayers", "padTokenId");
  for (const key of ["hiddenDropoutProb", "attentionProbsDropoutProb", "classifierDropout"] as const) {
    const value = config[key];
    if (value === null && key === "classifierDropout") continue;
    if (!(typeof value === "number" && value >= 0 && value < 1)) refuse(key, "in [0, 1)", value);
  }
  for (const key of ["initializerRange", "layerNormEps"] as const) {
    const value: unknown = config[key];
    if (!(typeof value === "number" && value > 0 && Number.isFinite(value))) refuse(key, "a number > 0", value);
  }
  const { hiddenSize, numAttentionHeads, padTokenId, vocabSize, maxPositionEmbeddings } = config;
  if (hiddenSize % numAttentionHeads !== 0)
    refuse("hiddenSize", `a multiple of numAttentionHeads (${numAttentionHeads})`, hiddenSize);
  if (padTokenId >= vocabSize) refuse("padTokenId", `below vocabSize (${vocabSize})`, padTokenId);
  if (maxPositionEmbeddings < padTokenId + 2)
    refuse("maxPositionEmbeddings", `at least padTokenId + 2 (${padTokenId + 2})`, maxPositionEmbeddings);
  if (!HIDDEN_ACTIVATIONS.includes(config.hiddenAct))
    refuse("hiddenAct", `one of ${HIDDEN_ACTIVATIONS.join(", ")}`, config.hiddenAct);
};
