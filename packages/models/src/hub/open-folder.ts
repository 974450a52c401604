import type { FileStore, Folder } from "./file-store.ts";

/**
 * The store of a folder. A path needs Node: the module that knows `node:fs` is loaded only then, and where a bundle is for
 * browsers another one stands in its place (`imports` in package.json).
 *
 * @throws FileStoreError for a path where there are no files, as in a browser
 */
export const openFolder = async (folder: Folder): Promise<FileStore> => {
  if (typeof folder !== "string") return folder;
  const { openNodeFolder } = await import("#node-folder");
  return openNodeFolder(folder);
};

/**
 * Makes a folder of a disk, and those above it.
 *
 * @returns whether it was not there
 * @throws FileStoreError when it cannot be made, and where there are no files, as in a browser; `cause` is the file system's error
 * @example
 * await makeFolder("runs/first");
 */
export const makeFolder = async (path: string): Promise<boolean> => {
  const { makeNodeFolder } = await import("#node-folder");
  return makeNodeFolder(path);
};
