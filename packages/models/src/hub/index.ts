export { FileStoreError, type FileStore, type Folder } from "./file-store.ts";
export { loadTokenizer } from "./load-tokenizer.ts";
export { MemoryFolder } from "./memory-folder.ts";
export { makeFolder, openFolder } from "./open-folder.ts";
export type { CheckpointNames } from "./checkpoint-keys.ts";
export {
  loadPretrained,
  readConfigFile,
  savePretrained,
  type Pretrained,
  type PretrainedRecipe,
  type SavePretrainedOptions,
} from "./pretrained.ts";
