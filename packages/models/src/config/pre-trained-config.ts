import { ArgumentError, FormatError } from "@tessera/tensor";
import { checkDepth, parseStrictJson, showJson } from "@tessera/tensor/files";
import { arePlain, labelsOf, type LabelOptions, type Labels, type Refuse } from "./labels.ts";
import type { OptionsOf, OptionTable, ValuesOf } from "./option.ts";

/** A JSON object. */
export type JsonObject = { readonly [key: string]: unknown };

/** What every configuration can do, whatever its options are. */
export interface PreTrainedConfig extends Labels {
  /** Keys of `config.json` that mean nothing here. */
  readonly extra: JsonObject;
  readonly numLabels: number;
  /** How many numbers a model of these sizes has at least; 0 where its description does not say. */
  readonly minParameters: number;
  /** This configuration with some options changed. New labels replace the old ones altogether. */
  with(options: object): PreTrainedConfig;
  /** The object that `config.json` holds: keys in order, labels where they are not the default two. */
  toJSON(): JsonObject;
}

/** The options that a configuration's `with` takes. */
export type ConfigOptions<Config extends PreTrainedConfig> = Parameters<Config["with"]>[0];

/** A configuration's methods, with its own options. */
export interface ConfigMethods<Options extends object> extends PreTrainedConfig {
  with(options: Options): this;
}

/** What a class of configurations knows without an instance. */
export interface ConfigStatics {
  /** The values of `model_type` in `config.json` that it reads; it writes the first. */
  readonly modelTypes: readonly string[];
  /**
   * Reads a `config.json`, as text or parsed.
   *
   * @throws FormatError when it is no JSON object, another model's, or asks for something unsupported
   * @throws ArgumentError when a value is outside its domain
   */
  fromJSON<C>(this: new (options: never, extra?: JsonObject) => C, json: unknown): C;
}

/** A class of configurations, as models and the registry see it. */
export interface ConfigClass<Config extends PreTrainedConfig = PreTrainedConfig> extends ConfigStatics {
  new (options: never, extra?: JsonObject): Config;
}

/** The class that a table of options describes. */
export interface DescribedConfigClass<T extends OptionTable> extends ConfigStatics {
  new (
    options?: OptionsOf<T> & LabelOptions,
    extra?: JsonObject,
  ): ValuesOf<T> & ConfigMethods<OptionsOf<T> & LabelOptions>;
}

/** The parts of a configuration class. */
export interface ConfigDescription<T extends OptionTable> {
  /** The class's own name, for messages: bundlers may change it. */
  readonly name: string;
  /** The architecture as people write it. */
  readonly architecture: string;
  /** Values of `model_type` that are this architecture to the letter; the first one is its own. */
  readonly modelTypes: readonly [string, ...string[]];
  readonly options: T;
  /** Features of Hugging Face's class that this one does not have, by the values that do not need them. */
  readonly unsupported: { readonly [key: string]: (value: unknown) => boolean };
  /** What is supported in their place, for the message. */
  readonly supported: string;
  /** What several options must have in common. */
  readonly check: (values: ValuesOf<T>, refuse: Refuse) => void;
  /** How many numbers a model of these sizes has at least: sizes beyond reason are refused by it before memory is taken. */
  readonly minParameters?: (values: ValuesOf<T>) => number;
}

/** A model larger than any that was ever trained: one of its sizes is a mistake. */
const MAX_PARAMETERS = 2 ** 42;

/** `hiddenSize` ↔ `hidden_size`. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Makes a class of configurations out of a table that has every option once: its name, its default, its check, and its key in
 * `config.json`. Keys of a file that mean nothing here are kept in `extra` and written back.
 *
 * @example
 * class GruConfig extends describeConfig({ name: "GruConfig", modelTypes: ["gru"], options: { size: wholeNumber(1, 64) }, … }) {}
 * GruConfig.fromJSON({ size: 128 }).toJSON(); // { model_type: "gru", size: 128 }
 */
export const describeConfig = <T extends OptionTable>(description: ConfigDescription<T>): DescribedConfigClass<T> => {
  const { name: ownName, modelTypes, options: table, check, minParameters = () => 0 } = description;
  const rows = Object.entries(table).map(([name, option]) => ({ ...option, name, key: option.key ?? snake(name) }));
  const known = new Set(["model_type", "num_labels", "id2label", "label2id", ...rows.map(({ key }) => key)]);
  const refuse: Refuse = (name, expected, got) => {
    throw new ArgumentError(`${ownName}: expected ${name} to be ${expected}, got ${showJson(got)}`);
  };

  class Config implements PreTrainedConfig {
    static readonly modelTypes: readonly string[] = modelTypes;

    declare readonly id2label: Labels["id2label"];
    declare readonly label2id: Labels["label2id"];
    declare readonly extra: JsonObject;

    constructor(options: LabelOptions & { readonly [name: string]: unknown } = {}, extra: JsonObject = {}) {
      const values: { [name: string]: unknown } = {};
      for (const { name, ...row } of rows) values[name] = name in options ? options[name] : row.default;
      for (const { name, expected, fits, max = Infinity } of rows) {
        const value = values[name];
        if (!fits(value)) refuse(name, expected, value);
        if (typeof value === "number" && value > max) refuse(name, `at most ${max}`, value);
      }
      check(values as ValuesOf<T>, refuse);
      const numbers = minParameters(values as ValuesOf<T>);
      if (numbers > MAX_PARAMETERS)
        throw new ArgumentError(
          `${ownName}: expected sizes of a model of at most ${MAX_PARAMETERS} numbers, got one of ${numbers} or more; is a size mistaken?`,
        );
      Object.assign(this, values, labelsOf(options, refuse), { extra });
    }

    get numLabels(): number {
      return Object.keys(this.id2label).length;
    }

    get minParameters(): number {
      return minParameters(this as unknown as ValuesOf<T>);
    }

    with(options: LabelOptions & { readonly [name: string]: unknown }): Config {
      const { extra, id2label, label2id, ...rest } = this;
      const relabelled = options.numLabels !== undefined || options.id2label !== undefined;
      const Own = this.constructor as typeof Config;
      return new Own({ ...rest, ...(relabelled ? {} : { id2label, label2id }), ...options }, extra);
    }

    static fromJSON<C>(this: new (options: never, extra?: JsonObject) => C, json: unknown): C {
      const source = parseObject(json);
      refuseForeign(description, source);
      const options: { [name: string]: unknown } = {};
      const take = (name: string, key: string): boolean => {
        // `null` is Python's "not said"; where it is a value, it is the default.
        if (source[key] === undefined || source[key] === null) return false;
        options[name] = source[key];
        return true;
      };
      for (const { name, key } of rows) take(name, key);
      if (take("id2label", "id2label")) take("label2id", "label2id");
      else take("numLabels", "num_labels");
      const extra = Object.fromEntries(Object.entries(source).filter(([key]) => !known.has(key)));
      const { model_type: type = modelTypes[0] } = source;
      // Every value is checked by the constructor.
      return new this(options as never, type === modelTypes[0] ? extra : { ...extra, model_type: type });
    }

    toJSON(): JsonObject {
      const { extra, id2label, label2id } = this;
      const out: { [key: string]: unknown } = { model_type: modelTypes[0], ...extra };
      const values = this as unknown as { readonly [name: string]: unknown };
      for (const { name, key, leftOutWhenNull = false } of rows)
        if (values[name] !== null || !leftOutWhenNull) out[key] = values[name];
      if (!arePlain(this)) Object.assign(out, { id2label, label2id });
      return Object.fromEntries(Object.entries(out).sort(([a], [b]) => (a < b ? -1 : 1)));
    }
  }
  return Config as unknown as DescribedConfigClass<T>;
};

const refuseForeign = (
  { architecture, modelTypes, unsupported, supported }: Omit<ConfigDescription<OptionTable>, "check" | "minParameters">,
  source: JsonObject,
): void => {
  const { model_type: type } = source;
  if (type !== undefined && !modelTypes.includes(type as string))
    throw new FormatError(
      `config.json: expected model_type ${modelTypes[0]}, got ${showJson(type)}; only ${architecture}'s architecture is here, AutoModelForMaskedLM and its like choose by the file`,
    );
  for (const [key, fits] of Object.entries(unsupported))
    if (source[key] !== undefined && !fits(source[key]))
      throw new FormatError(`config.json: ${key} ${showJson(source[key])} is not supported; ${supported} are`);
};

const parseObject = (json: unknown): JsonObject => {
  let value = json;
  try {
    if (typeof json === "string") value = parseStrictJson(json);
    else checkDepth(json);
  } catch (error) {
    const got = typeof json === "string" ? "text that is none" : "a value that cannot be written as one";
    throw new FormatError(`config.json: expected a JSON object, got ${got} (${(error as Error).message})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FormatError(`config.json: expected a JSON object, got ${showJson(value)}`);
  return value as JsonObject;
};
