import type { FileStore, Folder } from "./file-store.ts";

/** The store of a folder. A path needs Node; the module that knows `node:fs` is loaded only then. */
export const openFolder = async (folder: Folder): Promise<FileStore> => {
  if (typeof folder !== "string") return folder;
  const { NodeFolder } = await import("./node-folder.node.ts");
  return new NodeFolder(folder);
};
