import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, tensor, type Backend, type HostTensor, type Tensor } from "@tessera/tensor";

/** A folder of goldens: JSON beside safetensors. */
export class GoldenFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  json<T>(name: string): T {
    return JSON.parse(readFileSync(join(this.path, name), "utf8")) as T;
  }

  tensors(name: string): GoldenTensors {
    return new GoldenTensors(readSafetensors(readFileSync(join(this.path, name))).tensors);
  }
}

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
