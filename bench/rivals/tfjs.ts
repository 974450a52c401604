import { createRequire } from "node:module";
import os from "node:os";
import { installedVersion, rivalsFolder } from "./installed.ts";
import type { Prepared, Rival } from "./rival.ts";
import { tfjsEncoder } from "./tfjs-encoder.ts";
import type { Tf, TfTensor } from "./tfjs-types.ts";

interface TfWasm {
  setThreadsCount(count: number): void;
  getThreadsCount(): number;
}

/** tfjs's WebAssembly backend (XNNPACK). */
export const loadTfjs = async (threads: number): Promise<Rival> => {
  const require = createRequire(`${rivalsFolder}package.json`);
  const tf = require("@tensorflow/tfjs") as Tf;
  const wasm = require("@tensorflow/tfjs-backend-wasm") as TfWasm;
  await (threads > 1 ? withThreads(tf, wasm, threads) : startBackend(tf));
  const prepared = (inputs: readonly TfTensor[], compute: () => TfTensor): Prepared => ({
    run: () => compute().dispose(),
    result: async () => {
      const y = compute();
      const values = await y.data();
      y.dispose();
      return values;
    },
    dispose: () => tf.dispose([...inputs]),
  });
  return {
    name: "tfjs-wasm",
    version: installedVersion("@tensorflow/tfjs") ?? "",
    product: async (a, b, [m, k, n]) => {
      const [left, right] = [tf.tensor(a, [m, k]), tf.tensor(b, [k, n])];
      return prepared([left, right], () => tf.matMul(left, right));
    },
    simple: async (op, values, shape) => {
      if (op === "gelu" || op === "standardize") throw new Error(`it has no ${op}`);
      const x = tf.tensor(values, shape);
      return prepared([x], () => (op === "exp" ? tf.exp(x) : op === "add" ? tf.add(x, x) : tf.softmax(x)));
    },
    encoder: async (problem) => tfjsEncoder(tf, problem),
  };
};

const startBackend = async (tf: Tf): Promise<void> => {
  if (!(await tf.setBackend("wasm"))) throw new Error("tfjs: its WebAssembly backend did not start");
  await tf.ready();
};

/**
 * tfjs has one thread in Node, by a flag of its own. Its threaded binary runs there all the same, when it is told so, finds its two
 * scripts as files, and believes in twice as many processors, of which it takes half.
 */
const withThreads = async (tf: Tf, wasm: TfWasm, threads: number): Promise<void> => {
  const createObjectURL = URL.createObjectURL.bind(URL);
  const cpus = os.cpus.bind(os);
  // Its workers are unref'ed before they answer.
  const alive = setInterval(() => {}, 1000);
  try {
    URL.createObjectURL = () => `${rivalsFolder}tfjs-thread.mjs`;
    os.cpus = () => Array.from({ length: 2 * threads }, () => cpus()[0]!);
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", true);
    wasm.setThreadsCount(threads);
    await startBackend(tf);
  } finally {
    clearInterval(alive);
    URL.createObjectURL = createObjectURL;
    os.cpus = cpus;
  }
  if (wasm.getThreadsCount() !== threads)
    throw new Error(`tfjs: started with ${wasm.getThreadsCount()} threads in place of ${threads}`);
};
