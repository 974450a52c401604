import type * as HubModule from "@huggingface/hub";
import { TesseraError } from "@tessera/tensor";
import { FileStoreError, type FileStore } from "./file-store.ts";
import type { HubCache } from "./hub-cache.ts";

/** How far a download is. */
export interface HubProgress {
  readonly file: string;
  /** Bytes. */
  readonly loaded: number;
  readonly total: number;
}

/** How a model comes from Hugging Face's hub. */
export interface HubOptions {
  /** A branch, a tag or a commit. Default `"main"`. */
  readonly revision?: string | undefined;
  /** For models that are private or gated. Default: `HF_TOKEN` of the environment. */
  readonly token?: string | undefined;
  /** Where files are kept. Default: Hugging Face's own cache, by `HF_HUB_CACHE` and `HF_HOME`. In a browser: memory. */
  readonly cacheDir?: string | undefined;
  /** Takes what the cache has, and no network. Default: whether `HF_HUB_OFFLINE` says so. */
  readonly offline?: boolean | undefined;
  /** Another hub. Default: `HF_ENDPOINT` of the environment, or `https://huggingface.co`. */
  readonly endpoint?: string | undefined;
  readonly onProgress?: ((progress: HubProgress) => void) | undefined;
  /** Ends a download, which goes on where it stopped when it is asked for again. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_ENDPOINT = "https://huggingface.co";

type HubPackage = typeof HubModule;

const loadPackage = async (repo: string): Promise<HubPackage> => {
  try {
    // Named by a variable: a page is bundled without this package, and finds it, if at all, by its import map.
    const name = "@huggingface/hub" as string;
    return (await import(/* @vite-ignore */ name)) as typeof HubModule;
  } catch (cause) {
    throw new FileStoreError(
      `${repo}: expected a folder, or the package @huggingface/hub to download a model of this name, got neither; check the path, or npm install @huggingface/hub`,
      { cause },
    );
  }
};

/** Says of a failed call what it means, and what to do. */
const explain = (what: string, endpoint: string, error: unknown, cached: boolean): unknown => {
  if (error instanceof TesseraError || (error instanceof Error && error.name === "AbortError")) return error;
  const status = (error as { readonly statusCode?: unknown } | null)?.statusCode;
  const fail = (got: string, advice: string): FileStoreError =>
    new FileStoreError(`${what}: expected it at ${endpoint}, got ${got}; ${advice}`, { cause: error });
  if (status === 404) return fail("none (status 404)", "check the name and the revision, or give the path of a folder");
  if (status === 401 || status === 403)
    return fail(
      `status ${status}`,
      "it does not exist, or is private or gated: pass a token, or set HF_TOKEN, of an account that has access",
    );
  if (typeof status === "number") return fail(`status ${status}`, "try again later");
  const reason =
    error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
  const way = cached ? "pass offline: true to take the copy in the cache" : "or give the path of a folder";
  return fail(`no network (${reason})`, `connect, ${way}`);
};

interface Remote {
  readonly hub: HubPackage;
  readonly params: {
    readonly hubUrl: string;
    readonly fetch: typeof fetch;
    readonly accessToken?: string;
  };
  /** Names and sizes of the files at the top of the repository. */
  readonly files: ReadonlyMap<string, number>;
}

interface HubFolderParts {
  readonly name: string;
  readonly repo: string;
  readonly commit: string;
  readonly cache: HubCache;
  /** `null` offline. */
  readonly remote: Remote | null;
  readonly options: HubOptions;
}

/**
 * A model of Hugging Face's hub as a folder that is read: each file is downloaded when it is first asked for, and kept.
 * Everything comes from one commit, which the revision is when the folder is opened.
 */
export class HubFolder implements FileStore {
  readonly name: string;

  private constructor(private readonly parts: HubFolderParts) {
    this.name = parts.name;
  }

  /** @throws FileStoreError when there is no such model, no access to it, no network, or, offline, nothing in the cache */
  static async open(repo: string, cache: HubCache, options: HubOptions): Promise<HubFolder> {
    const { revision = "main", endpoint = DEFAULT_ENDPOINT, token, signal } = options;
    const name = revision === "main" ? repo : `${repo}@${revision}`;
    const isCommit = /^[0-9a-f]{40}$/.test(revision);
    const known = isCommit ? revision : await cache.commitOf(revision);
    const isThere = known !== null && (await cache.folder(known).list()).length > 0;
    if (options.offline) {
      if (isThere) return new HubFolder({ name, repo, commit: known, cache, remote: null, options });
      throw new FileStoreError(
        `${name}: expected a copy in ${cache.name}, because offline was asked for, got none; load it once with a network, or give the path of a folder`,
      );
    }
    const hub = await loadPackage(repo);
    const params = {
      hubUrl: endpoint,
      fetch: ((input, init) => fetch(input, signal ? { ...init, signal } : init)) satisfies typeof fetch,
      ...(token === undefined ? {} : { accessToken: token }),
    };
    try {
      const info = await hub.modelInfo({ name: repo, revision, additionalFields: ["sha"], ...params });
      const commit = info.sha;
      const files = new Map<string, number>();
      for await (const { type, path, size } of hub.listFiles({ repo, revision: commit, ...params }))
        if (type === "file" && !path.includes("/")) files.set(path, size);
      if (!isCommit) await cache.setCommit(revision, commit);
      return new HubFolder({ name, repo, commit, cache, remote: { hub, params, files }, options });
    } catch (error) {
      throw explain(name, endpoint, error, isThere);
    }
  }

  async list(): Promise<string[]> {
    const { remote, cache, commit } = this.parts;
    return remote ? [...remote.files.keys()].sort() : cache.folder(commit).list();
  }

  async exists(file: string): Promise<boolean> {
    const { remote, cache, commit } = this.parts;
    return remote ? remote.files.has(file) : cache.folder(commit).exists(file);
  }

  async read(file: string): Promise<Uint8Array> {
    return (await this.fetched(file)).read(file);
  }

  async size(file: string): Promise<number> {
    const folder = await this.fetched(file);
    return folder.size ? folder.size(file) : (await folder.read(file)).length;
  }

  async readRange(file: string, from: number, to: number): Promise<Uint8Array> {
    const folder = await this.fetched(file);
    return folder.readRange ? folder.readRange(file, from, to) : (await folder.read(file)).slice(from, to);
  }

  async write(): Promise<void> {
    this.refuseWrite();
  }

  async append(): Promise<void> {
    this.refuseWrite();
  }

  private refuseWrite(): never {
    throw new FileStoreError(`${this.name}: expected a folder to write to, got a model of the hub; save to a path`);
  }

  /** The folder of the cache, with the file in it. */
  private async fetched(file: string): Promise<FileStore> {
    const { remote, commit, repo, options, cache } = this.parts;
    const folder = cache.folder(commit);
    if (remote === null || (await folder.exists(file))) return folder;
    const size = remote.files.get(file);
    if (size === undefined)
      throw new FileStoreError(
        `${this.name}/${file}: expected a file, got none; there are ${(await this.list()).join(", ") || "no files"}`,
      );
    try {
      const blob = await remote.hub.downloadFile({ repo, path: file, revision: commit, ...remote.params });
      if (!blob) throw new FileStoreError(`${this.name}/${file}: expected a file, got none; was the commit removed?`);
      const open = (start: number): ReadableStream<Uint8Array> => (start > 0 ? blob.slice(start) : blob).stream();
      const onBytes = (loaded: number): void => options.onProgress?.({ file, loaded, total: size });
      await cache.save(commit, { file, size, open, onBytes });
    } catch (error) {
      throw explain(`${this.name}/${file}`, remote.params.hubUrl, error, false);
    }
    return folder;
  }
}
