import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "vitest";
import type { Tensor } from "@tessera/tensor";

type Data = Float32Array | Int32Array | Uint8Array | BigInt64Array;
export interface OrtTensor {
  readonly data: Data;
  readonly dims: readonly number[];
  readonly type: string;
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: { readonly [name: string]: OrtTensor }): Promise<{ readonly [name: string]: OrtTensor }>;
  release(): Promise<void>;
}
interface Ort {
  readonly env: { readonly wasm: { numThreads?: number }; logLevel?: string };
  readonly Tensor: new (type: string, data: Data, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: { readonly executionProviders: readonly string[] }): Promise<OrtSession>;
  };
}

const isInstalled = existsSync(new URL("node_modules/onnxruntime-web", import.meta.url));

/** Tests that need ONNX Runtime; without it they are skipped, and say how to install it. */
export const withOnnxRuntime = (name: string, tests: () => void): void => {
  if (isInstalled) return void describe(name, tests);
  if (process.env.TESSERA_REQUIRE_ONNX === "1")
    throw new Error("tests/onnx: expected onnxruntime-web, found none; run npm ci --prefix tests/onnx");
  it.skip(`${name}: install ONNX Runtime by npm ci --prefix tests/onnx`, () => undefined);
};

let loaded: Ort | null = null;
const load = (): Ort => {
  if (loaded) return loaded;
  loaded = createRequire(import.meta.url)("onnxruntime-web") as Ort;
  loaded.env.wasm.numThreads = 1;
  loaded.env.logLevel = "error";
  return loaded;
};

/** Data as ONNX Runtime takes them: int32 tensors are int64 in files. */
const fed = async (x: Tensor): Promise<OrtTensor> => {
  const { Tensor: Fed } = load();
  const data = await x.data();
  if (x.dtype === "int32") return new Fed("int64", BigInt64Array.from(data as Int32Array, BigInt), x.shape);
  return new Fed(x.dtype, data, x.shape);
};

/** Runs a file once. */
export const runOnnx = async (
  bytes: Uint8Array,
  inputs: { readonly [name: string]: Tensor },
): Promise<{ readonly [name: string]: OrtTensor }> => {
  const session = await load().InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  try {
    const feeds: { [name: string]: OrtTensor } = {};
    for (const [name, x] of Object.entries(inputs)) feeds[name] = await fed(x);
    return await session.run(feeds);
  } finally {
    await session.release();
  }
};
