import type { FileStore, Folder } from "./file-store.ts";
import { HubFolder, type HubOptions } from "./hub-folder.ts";
import { openFolder } from "./open-folder.ts";

/** `org/name`, as the hub calls a model. */
const REPO = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/**
 * A model of Hugging Face's hub as a folder, to be given wherever a folder is read. Files are downloaded through the package
 * `@huggingface/hub` when they are first asked for, and kept in Hugging Face's cache.
 *
 * @throws FileStoreError when there is no such model, no access to it, no network, or, offline, nothing in the cache
 * @example
 * const folder = await openHub("FacebookAI/roberta-base", { onProgress: ({ file, loaded, total }) => console.log(file, loaded / total) });
 * const { model } = await RobertaForMaskedLM.fromPretrained(folder);
 */
export const openHub = async (repo: string, options: HubOptions = {}): Promise<FileStore> => {
  const { openHubCache, hubEnvironment } = await import("#node-folder");
  const environment = hubEnvironment();
  return HubFolder.open(repo, openHubCache(repo, options.cacheDir), {
    ...options,
    offline: options.offline ?? environment.offline,
    token: options.token ?? environment.token,
    endpoint: options.endpoint ?? environment.endpoint,
  });
};

/** Where a model is read from: a folder that is there, or else a model of the hub, where the text can be the name of one. */
export const openModel = async (where: Folder, options: HubOptions = {}): Promise<FileStore> => {
  if (typeof where !== "string") return where;
  if (!REPO.test(where)) return openFolder(where);
  const { hasFiles } = await import("#node-folder");
  return (await hasFiles(where)) ? openFolder(where) : openHub(where, options);
};
