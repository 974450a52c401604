import { DataError } from "./data-error.ts";

const refuse = (path: string): never => {
  throw new DataError(
    `${path}: expected a text, got a path, which only Node can open; in a browser fetch it and give its text to readTextLines, readTsv or parseWordNet`,
  );
};

/** In place of file-text.node.ts, where there is no disk. */
export const readChunks = (path: string): AsyncIterable<string> => refuse(path);
export const readWhole = async (path: string): Promise<string> => refuse(path);
export const baseName = (path: string): string => path;
export const joinPaths = (folder: string, file: string): string => `${folder}/${file}`;
