import { TesseraError } from "@tessera/tensor";

/** A file that is missing or cannot be read, or a disk that is full. */
export class FileStoreError extends TesseraError {
  override name = "FileStoreError";
}

/**
 * A folder of files, wherever it lies: on a disk, in a browser's private file system, in memory. Names have no slashes.
 *
 * `write` is what checkpoints stand on: all its files become new, or all stay as they were, whenever the process dies.
 */
export interface FileStore {
  /** The folder as messages call it. */
  readonly name: string;
  list(): Promise<string[]>;
  exists(file: string): Promise<boolean>;
  /** @throws FileStoreError when there is no such file */
  read(file: string): Promise<Uint8Array>;
  /** Bytes of a file. With `readRange`, weights are read tensor by tensor; without, each file as a whole. */
  size?(file: string): Promise<number>;
  /** The bytes of `[from, to)`, fewer where the file ends. */
  readRange?(file: string, from: number, to: number): Promise<Uint8Array>;
  /** All of them or none. @throws FileStoreError when they cannot be written; what was there is still there */
  write(files: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Adds to the end of a file, or makes it. Not atomic: a reader must expect a last line that is cut short. */
  append(file: string, bytes: Uint8Array): Promise<void>;
}

/** A folder by its path (in Node), or a store of your own. */
export type Folder = string | FileStore;
