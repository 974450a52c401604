import { createRequire } from "node:module";
import { installedVersion, rivalsFolder } from "./installed.ts";
import { matmulModel } from "./onnx-model.ts";
import type { Rival } from "./rival.ts";

interface OrtTensor {
  readonly data: Float32Array;
}
interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}
interface Ort {
  readonly env: { readonly wasm: { numThreads?: number } };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: { executionProviders: readonly string[] }): Promise<OrtSession>;
  };
}

/** onnxruntime-web, its WebAssembly backend. Its inputs are copied in and its outputs out at each call; there is no other way. */
export const loadOnnxRuntime = async (threads: number): Promise<Rival> => {
  const ort = createRequire(`${rivalsFolder}package.json`)("onnxruntime-web") as Ort;
  ort.env.wasm.numThreads = threads;
  return {
    name: "ort-web",
    version: installedVersion("onnxruntime-web") ?? "",
    product: async (a, b, [m, k, n]) => {
      const session = await ort.InferenceSession.create(matmulModel([m, k], [k, n]), { executionProviders: ["wasm"] });
      const feeds = { a: new ort.Tensor("float32", a, [m, k]), b: new ort.Tensor("float32", b, [k, n]) };
      return {
        run: () => session.run(feeds),
        result: async () => (await session.run(feeds))["c"]!.data,
        dispose: () => session.release(),
      };
    },
  };
};
