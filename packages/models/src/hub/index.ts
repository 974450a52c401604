export { FileStoreError, type FileStore, type Folder } from "./file-store.ts";
export { loadTokenizer } from "./load-tokenizer.ts";
export { MemoryFolder } from "./memory-folder.ts";
export { makeFolder, openFolder } from "./open-folder.ts";
export { openHub } from "./open-model.ts";
export type { HubOptions, HubProgress } from "./hub-folder.ts";
export { saveStateDict, loadStateDict } from "./state-file.ts";
export type { CheckpointNames } from "./checkpoint-keys.ts";
export {
  loadPretrained,
  readConfigFile,
  savePretrained,
  type LoadPolicy,
  type Pretrained,
  type PretrainedRecipe,
  type SavePretrainedOptions,
} from "./pretrained.ts";
