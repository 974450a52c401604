import { mkdir, open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { FileStoreError, type FileStore } from "./file-store.ts";
import { checkWhole, type Download, type HubCache } from "./hub-cache.ts";

/** Where Hugging Face's libraries keep what they download: the same folders, so that what one has loaded the others have. */
export const defaultCacheDir = (): string => {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env;
  const home = HF_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  return HF_HUB_CACHE ?? HUGGINGFACE_HUB_CACHE ?? join(home, "hub");
};

/** A name that comes over a network and goes to a disk. @throws FileStoreError for one that leads out of its folder */
const plain = (name: string): string => {
  if (/^[^/\\\0]+$/.test(name) && name !== "." && name !== "..") return name;
  throw new FileStoreError(
    `hub: expected the name of a file, got ${JSON.stringify(name)}; it would lead out of its folder`,
  );
};

/** Files of a model in Hugging Face's cache: `models--org--name/snapshots/COMMIT/FILE`, and `refs/REVISION` with the commit. */
export class NodeHubCache implements HubCache {
  readonly name: string;

  /** @param openFolder opens the folder at a path */
  constructor(
    repo: string,
    cacheDir: string,
    private readonly openFolder: (path: string) => FileStore,
  ) {
    this.name = join(cacheDir, `models--${repo.replace("/", "--")}`);
  }

  async commitOf(revision: string): Promise<string | null> {
    try {
      return (await readFile(this.refOf(revision), "utf8")).trim();
    } catch {
      return null;
    }
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    const path = this.refOf(revision);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, commit);
  }

  folder(commit: string): FileStore {
    return this.openFolder(join(this.name, "snapshots", plain(commit)));
  }

  async save(commit: string, download: Download): Promise<void> {
    const folder = join(this.name, "snapshots", plain(commit));
    const path = join(folder, plain(download.file));
    const incomplete = join(folder, `.tessera-hub-${download.file}.incomplete`);
    try {
      await mkdir(folder, { recursive: true });
      await this.receive(incomplete, download);
      await rename(incomplete, path);
    } catch (cause) {
      if (cause instanceof FileStoreError || !(cause instanceof Error && "code" in cause && "syscall" in cause))
        throw cause;
      throw new FileStoreError(
        `${path}: expected to write ${download.size} bytes, got ${String(cause.code)}; is the disk full? Set cacheDir`,
        { cause },
      );
    }
  }

  private async receive(incomplete: string, download: Download): Promise<void> {
    const there = await stat(incomplete).then(
      ({ size }) => size,
      () => 0,
    );
    // More than there should be is no part of the file.
    let loaded = there <= download.size ? there : 0;
    const handle = await open(incomplete, loaded > 0 ? "r+" : "w");
    try {
      if (loaded < download.size) {
        const reader = download.open(loaded).getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          await handle.write(part.value, 0, part.value.length, loaded);
          loaded += part.value.length;
          download.onBytes(loaded);
        }
      }
      checkWhole(download, loaded);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** A branch may have slashes in its name, but no way out. */
  private refOf(revision: string): string {
    return join(this.name, "refs", ...revision.split("/").map(plain));
  }
}

/** What the environment tells Hugging Face's libraries. */
export const hubEnvironment = (): { offline: boolean; token: string | undefined; endpoint: string | undefined } => {
  const { HF_HUB_OFFLINE, HF_TOKEN, HF_ENDPOINT } = process.env;
  return { offline: /^(1|on|yes|true)$/i.test(HF_HUB_OFFLINE ?? ""), token: HF_TOKEN, endpoint: HF_ENDPOINT };
};
