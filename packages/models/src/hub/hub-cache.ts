import { FileStoreError, type FileStore } from "./file-store.ts";
import { MemoryFolder } from "./memory-folder.ts";

/** A file on its way from the hub. */
export interface Download {
  readonly file: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Its bytes from `start` on. */
  readonly open: (start: number) => ReadableStream<Uint8Array>;
  /** How many bytes are there. */
  readonly onBytes: (loaded: number) => void;
}

/** Where files of a model of the hub are kept. A commit never changes, so its files do not. */
export interface HubCache {
  /** As messages call it. */
  readonly name: string;
  /** The commit that a branch or tag was when it was last asked for; `null` when it never was. */
  commitOf(revision: string): Promise<string | null>;
  setCommit(revision: string, commit: string): Promise<void>;
  /** The files of a commit that are there. */
  folder(commit: string): FileStore;
  /** Keeps a file. One that was interrupted goes on where it stopped. @throws FileStoreError when it ends early */
  save(commit: string, download: Download): Promise<void>;
}

/** @throws FileStoreError that names the file and its sizes */
export const checkWhole = ({ file, size }: Download, loaded: number): void => {
  if (loaded !== size)
    throw new FileStoreError(
      `${file}: expected ${size} bytes, got ${loaded}; the connection ended early, call again to go on`,
    );
};

/** Files in memory, for as long as the page lives. */
export class MemoryHubCache implements HubCache {
  readonly name = "memory";
  private readonly commits = new Map<string, string>();
  private readonly folders = new Map<string, MemoryFolder>();

  async commitOf(revision: string): Promise<string | null> {
    return this.commits.get(revision) ?? null;
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    this.commits.set(revision, commit);
  }

  folder(commit: string): MemoryFolder {
    const folder = this.folders.get(commit) ?? new MemoryFolder(commit);
    this.folders.set(commit, folder);
    return folder;
  }

  async save(commit: string, download: Download): Promise<void> {
    const bytes = new Uint8Array(download.size);
    let loaded = 0;
    const reader = download.open(0).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (loaded + part.value.length > bytes.length) checkWhole(download, loaded + part.value.length);
      bytes.set(part.value, loaded);
      loaded += part.value.length;
      download.onBytes(loaded);
    }
    checkWhole(download, loaded);
    await this.folder(commit).write(new Map([[download.file, bytes]]));
  }
}
