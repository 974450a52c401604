import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  access,
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  type FileHandle,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { decodeUtf8, parseStrictJson } from "@tessera/tensor/files";
import { FileStoreError, type FileStore } from "./file-store.ts";
import { defaultCacheDir, NodeHubCache } from "./hub-cache.node.ts";
import type { HubCache } from "./hub-cache.ts";

/** Lists which finished temporaries become which files: once it exists, the write has happened. */
const JOURNAL = ".tessera-commit.json";
const TEMPORARY = /^\.tessera-.*\.tmp$/;

interface Move {
  readonly from: string;
  readonly to: string;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);

/** Node's `readFile` ends at 2 GiB, which a checkpoint of a large model is beyond. */
const readAll = async (handle: FileHandle): Promise<Uint8Array> => {
  const { size } = await handle.stat();
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, await fill(handle, bytes, 0));
};

const LARGEST_READ = 2 ** 30;

/** `null` where a file is missing: it was renamed before the crash, or by another reader who finishes the same write. */
const unlessGone = async <T>(work: Promise<T>): Promise<T | null> =>
  work.catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") return null;
    throw cause;
  });

const isFolder = async (path: string): Promise<boolean> => (await unlessGone(stat(path)))?.isDirectory() === true;

/**
 * Makes a folder and those above it; says whether it was not there. One level at a time: Node's own recursive mkdir never returns from
 * `/proc/x`, whose parent is there and takes no entries.
 */
const makeLevels = async (path: string): Promise<boolean> => {
  if (await isFolder(path)) return false;
  const parent = dirname(path);
  if (parent !== path) await makeLevels(parent);
  try {
    await mkdir(path);
    return true;
  } catch (cause) {
    // Another process made it in the meantime.
    if (codeOf(cause) === "EEXIST" && (await isFolder(path))) return false;
    throw cause;
  }
};

/** Reads from a place in the file until the array is full or the file ends; gives how many bytes came. */
const fill = async (handle: FileHandle, bytes: Uint8Array, from: number): Promise<number> => {
  let at = 0;
  while (at < bytes.length) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(bytes.length - at, LARGEST_READ), from + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at;
};

/** The moves of a journal. A folder may come from anywhere: no move leads out of it. */
const readMoves = (path: string, bytes: Uint8Array): Move[] => {
  try {
    const moves = parseStrictJson(decodeUtf8(bytes, path));
    const isMove = (move: unknown): move is Move => {
      const { from, to } = (move ?? {}) as { readonly from?: unknown; readonly to?: unknown };
      const arePlain = [from, to].every((name) => typeof name === "string" && !/[/\\\0]/.test(name) && name !== "..");
      return arePlain && TEMPORARY.test(from as string);
    };
    if (Array.isArray(moves) && moves.every(isMove)) return moves;
  } catch (cause) {
    throw failure(`${path}: expected the journal of a write, got a damaged file; remove it`, cause);
  }
  throw failure(`${path}: expected moves of this folder's own temporaries, got others; remove the file`, null);
};

const failure = (message: string, cause: unknown): FileStoreError => new FileStoreError(message, { cause });

/**
 * A folder on a disk.
 *
 * A write goes to temporaries, is flushed to the disk, and only then renamed over the old files. With several files a journal
 * of the renames is written first; whoever opens the folder after a crash finishes them. So a process may be killed, or
 * the disk be full, at any moment: readers find the old files or the new ones. One process writes
 * at a time.
 *
 * @example
 * const folder = new NodeFolder("runs/pretrain");
 */
export class NodeFolder implements FileStore {
  readonly name: string;

  constructor(path: string) {
    this.name = path;
  }

  async list(): Promise<string[]> {
    await this.recover();
    return (await this.names()).filter((file) => file !== JOURNAL && !TEMPORARY.test(file)).sort();
  }

  async exists(file: string): Promise<boolean> {
    await this.recover();
    return this.has(file);
  }

  async read(file: string): Promise<Uint8Array> {
    await this.recover();
    return this.opened(file, readAll);
  }

  private async opened<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    try {
      const handle = await open(join(this.name, file), "r");
      try {
        return await use(handle);
      } finally {
        await handle.close();
      }
    } catch (cause) {
      throw failure(
        `${join(this.name, file)}: expected a file that can be read, got ${codeOf(cause)}; check the path`,
        cause,
      );
    }
  }

  async size(file: string): Promise<number> {
    await this.recover();
    return this.opened(file, async (handle) => (await handle.stat()).size);
  }

  async readRange(file: string, from: number, to: number): Promise<Uint8Array> {
    return this.opened(file, async (handle) => {
      const bytes = new Uint8Array(to - from);
      return bytes.subarray(0, await fill(handle, bytes, from));
    });
  }

  async write(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const moves = [...files.keys()].map((to) => ({ from: `.tessera-${to}-${randomUUID()}.tmp`, to }));
    try {
      await makeLevels(resolve(this.name));
      await this.recover();
      await this.clean();
      for (const { from, to } of moves) await this.flushed(from, files.get(to)!);
      if (moves.length > 1) {
        const journal = `.tessera-${randomUUID()}.tmp`;
        await this.flushed(journal, new TextEncoder().encode(JSON.stringify(moves)));
        await rename(join(this.name, journal), join(this.name, JOURNAL));
        await this.flushNames();
      }
    } catch (cause) {
      await this.discard(moves.map(({ from }) => from));
      const bytes = [...files.values()].reduce((total, file) => total + file.length, 0);
      const full = codeOf(cause) === "ENOSPC" ? " (the disk is full)" : "";
      throw failure(
        `${this.name}: expected to write ${[...files.keys()].join(", ")} (${bytes} bytes), got ${codeOf(cause)}${full}; the files that were there are unchanged`,
        cause,
      );
    }
    await this.finish(moves);
  }

  async append(file: string, bytes: Uint8Array): Promise<void> {
    try {
      await makeLevels(resolve(this.name));
      await appendFile(join(this.name, file), bytes);
    } catch (cause) {
      throw failure(
        `${join(this.name, file)}: expected to add ${bytes.length} bytes, got ${codeOf(cause)}; is the disk full?`,
        cause,
      );
    }
  }

  private async names(): Promise<string[]> {
    try {
      return await readdir(this.name);
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return [];
      throw failure(`${this.name}: expected a folder that can be read, got ${codeOf(cause)}; check the path`, cause);
    }
  }

  private async has(file: string): Promise<boolean> {
    return access(join(this.name, file), constants.F_OK).then(
      () => true,
      () => false,
    );
  }

  /** Writes a new file and waits until the disk has it. */
  private async flushed(file: string, bytes: Uint8Array): Promise<void> {
    const handle = await open(join(this.name, file), "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Makes the folder's own entries durable. Windows has no such thing, and does not need it. */
  private async flushNames(): Promise<void> {
    if (process.platform === "win32") return;
    const handle = await open(this.name, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** The renames, which may have been begun before; the journal goes when all are done. */
  private async finish(moves: readonly Move[]): Promise<void> {
    try {
      for (const { from, to } of moves) {
        const moved = rename(join(this.name, from), join(this.name, to));
        await (moves.length > 1 ? unlessGone(moved) : moved);
      }
      await this.flushNames();
      await rm(join(this.name, JOURNAL), { force: true });
    } catch (cause) {
      const kept =
        moves.length > 1
          ? "they are finished and will be put in place when the folder is next opened"
          : "the file that was there is unchanged";
      throw failure(
        `${this.name}: expected to put ${moves.map(({ to }) => to).join(", ")} in place, got ${codeOf(cause)}; ${kept}`,
        cause,
      );
    }
  }

  /** Finishes a write that had been decided when its process died. */
  private async recover(): Promise<void> {
    if (!(await this.has(JOURNAL))) return;
    const journal = await unlessGone(readFile(join(this.name, JOURNAL)));
    if (journal !== null) await this.finish(readMoves(join(this.name, JOURNAL), journal));
  }

  /** Removes what writes that were not decided left behind. */
  private async clean(): Promise<void> {
    await this.discard((await this.names()).filter((file) => TEMPORARY.test(file)));
  }

  /** A temporary that cannot be removed now is invisible, and goes with the next write. */
  private async discard(temporaries: readonly string[]): Promise<void> {
    await Promise.allSettled(temporaries.map((file) => rm(join(this.name, file), { force: true })));
  }
}

/** See `makeFolder`. */
export const makeNodeFolder = async (path: string): Promise<boolean> => {
  try {
    return await makeLevels(resolve(path));
  } catch (cause) {
    throw failure(`${path}: expected a folder that can be made, got ${codeOf(cause)}; check the path`, cause);
  }
};

/** The folder at a path. */
export const openNodeFolder = (path: string): FileStore => new NodeFolder(path);

/** Whether there is a folder with files in it. */
export const hasFiles = async (path: string): Promise<boolean> =>
  (await new NodeFolder(path).list().catch(() => [])).length > 0;

/** The cache of a model of the hub, in Hugging Face's form. */
export const openHubCache = (repo: string, cacheDir = defaultCacheDir()): HubCache =>
  new NodeHubCache(repo, cacheDir, openNodeFolder);

export { hubEnvironment } from "./hub-cache.node.ts";
