export type { LabelOptions, Labels, Refuse } from "./labels.ts";
export {
  flag,
  oneOf,
  orNull,
  positiveNumber,
  probability,
  objectOrNull,
  storedAs,
  tokenIds,
  wholeNumber,
  type Option,
  type OptionsOf,
  type OptionTable,
  type ValuesOf,
} from "./option.ts";
export {
  describeConfig,
  type ConfigClass,
  type ConfigDescription,
  type ConfigMethods,
  type ConfigOptions,
  type ConfigStatics,
  type DescribedConfigClass,
  type JsonObject,
  type PreTrainedConfig,
} from "./pre-trained-config.ts";
