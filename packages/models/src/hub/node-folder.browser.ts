import { FileStoreError, type FileStore } from "./file-store.ts";
import { MemoryHubCache, type HubCache } from "./hub-cache.ts";

/** In place of node-folder.node.ts, where there is no disk. */
export const openNodeFolder = (path: string): FileStore => refuse(path);

export const makeNodeFolder = async (path: string): Promise<boolean> => refuse(path);

const refuse = (path: string): never => {
  throw new FileStoreError(
    `${path}: expected a store of files, got a path, which only Node can open; in a browser give a MemoryFolder, or a FileStore of your own`,
  );
};

export const hasFiles = async (): Promise<boolean> => false;

const caches = new Map<string, HubCache>();

/** One for each model, for as long as the page lives. */
export const openHubCache = (repo: string): HubCache => {
  const cache = caches.get(repo) ?? new MemoryHubCache();
  caches.set(repo, cache);
  return cache;
};

export const hubEnvironment = (): { offline: boolean; token: string | undefined; endpoint: string | undefined } => ({
  offline: false,
  token: undefined,
  endpoint: undefined,
});
