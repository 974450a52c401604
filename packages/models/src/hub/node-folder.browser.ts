import { FileStoreError, type FileStore } from "./file-store.ts";

/** In place of node-folder.node.ts, where there is no disk. */
export const openNodeFolder = (path: string): FileStore => refuse(path);

export const makeNodeFolder = async (path: string): Promise<boolean> => refuse(path);

const refuse = (path: string): never => {
  throw new FileStoreError(
    `${path}: expected a store of files, got a path, which only Node can open; in a browser give a MemoryFolder, or a FileStore of your own`,
  );
};
