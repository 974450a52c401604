import { readSafetensors, tensor, type Backend, type HostTensor, type Tensor } from "@tessera/tensor";

/**
 * A folder of goldens: JSON beside safetensors, read from the disk in Node and fetched by a page.
 *
 * @example
 * const folder = new GoldenFolder(new URL("../../goldens/", import.meta.url));
 */
export class GoldenFolder {
  private readonly url: URL;

  /** The URL ends in a slash. */
  constructor(url: URL) {
    this.url = url;
  }

  /** The last name of its path. */
  get name(): string {
    return this.url.pathname.split("/").at(-2)!;
  }

  /** A folder inside of this one. */
  folder(name: string): GoldenFolder {
    return new GoldenFolder(new URL(`${name}/`, this.url));
  }

  async bytes(name: string): Promise<Uint8Array> {
    const file = new URL(name, this.url);
    if (file.protocol === "file:") {
      const { readFile } = await import("node:fs/promises");
      return readFile(file);
    }
    const response = await fetch(file);
    if (!response.ok) throw new Error(`${file.href}: expected a golden, got status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  async json<T>(name: string): Promise<T> {
    return JSON.parse(new TextDecoder().decode(await this.bytes(name))) as T;
  }

  async tensors(name: string): Promise<GoldenTensors> {
    return new GoldenTensors(readSafetensors(await this.bytes(name)).tensors);
  }
}

/** The goldens of this repository. Vite would take a literal in `new URL` for an asset. */
const OURS = "../../goldens/";
export const ourGoldens = new GoldenFolder(new URL(OURS, import.meta.url));

/** Tensors by name; one without elements may be absent from the file. */
export class GoldenTensors {
  private readonly map: ReadonlyMap<string, HostTensor>;

  constructor(map: ReadonlyMap<string, HostTensor>) {
    this.map = map;
  }

  get(name: string, shape: readonly number[], dtype = "float32"): HostTensor {
    const found = this.map.get(name);
    if (found) return found;
    if (shape.every((size) => size > 0)) throw new Error(`the file has no tensor "${name}"`);
    const kind = dtype.startsWith("float") ? "float32" : dtype === "bool" ? "bool" : "int32";
    return { shape, dtype: kind, data: kind === "float32" ? new Float32Array(0) : kind === "bool" ? new Uint8Array(0) : new Int32Array(0) };
  }

  has(name: string): boolean {
    return this.map.has(name);
  }
}

/** A golden on a device; booleans are stored as bytes and become bool where the case says so. */
export const upload = ({ shape, data }: HostTensor, dtype: string, device: Backend): Tensor =>
  tensor(data, shape, { device, dtype: dtype.startsWith("float") ? "float32" : dtype === "bool" ? "bool" : "int32" });
