import { FileStoreError, type FileStore } from "./file-store.ts";

/** A Node Buffer's own slice is a view. */
const copyOf = (bytes: Uint8Array, from?: number, to?: number): Uint8Array =>
  Uint8Array.prototype.slice.call(bytes, from, to);

/**
 * A folder in memory: for tests, and for models that come from elsewhere than a disk.
 *
 * @example
 * const folder = new MemoryFolder("downloaded", { "config.json": bytes });
 */
export class MemoryFolder implements FileStore {
  readonly name: string;
  private readonly files: Map<string, Uint8Array>;

  constructor(name = "memory", files: Readonly<Record<string, Uint8Array>> = {}) {
    this.name = name;
    this.files = new Map(Object.entries(files));
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()].sort();
  }

  async exists(file: string): Promise<boolean> {
    return this.files.has(file);
  }

  async read(file: string): Promise<Uint8Array> {
    return copyOf(await this.held(file));
  }

  async size(file: string): Promise<number> {
    return (await this.held(file)).length;
  }

  async readRange(file: string, from: number, to: number): Promise<Uint8Array> {
    return copyOf(await this.held(file), from, to);
  }

  private async held(file: string): Promise<Uint8Array> {
    const bytes = this.files.get(file);
    if (!bytes)
      throw new FileStoreError(
        `${this.name}/${file}: expected a file, got none; there are ${(await this.list()).join(", ") || "no files"}`,
      );
    return bytes;
  }

  async write(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const [file, bytes] of files) this.files.set(file, bytes.slice());
  }

  async append(file: string, bytes: Uint8Array): Promise<void> {
    const before = this.files.get(file) ?? new Uint8Array();
    const after = new Uint8Array(before.length + bytes.length);
    after.set(before);
    after.set(bytes, before.length);
    this.files.set(file, after);
  }
}
