import { pathToFileURL } from "node:url";
import { NORM_EPS } from "../cpu/encoder-problem.ts";
import { installedVersion, rivalsFolder } from "./installed.ts";
import { jaxEncoder } from "./jax-encoder.ts";
import type { Jax, JaxArray } from "./jax-types.ts";
import type { Prepared, Rival, SimpleOp } from "./rival.ts";

/** More elements than it gives to one thread. */
const ELEMENTS_FOR_THREADS = 1 << 16;

/** jax-js's WebAssembly backend. It has threads where there is a browser's `Worker`. */
export const loadJax = async (threads: number): Promise<Rival> => {
  const path = `${rivalsFolder}node_modules/@jax-js/jax/dist/index.js`;
  const jax = (await import(pathToFileURL(path).href)) as Jax;
  const { numpy: np, nn } = jax;
  if (!(await jax.init("wasm")).includes("wasm")) throw new Error("jax-js: its WebAssembly backend did not start");
  jax.defaultDevice("wasm");
  const prepared = (inputs: readonly JaxArray[], compute: () => JaxArray): Prepared => ({
    run: async () => {
      const y = compute();
      await y.blockUntilReady();
      y.dispose();
    },
    result: async () => compute().data(),
    dispose: () => {
      for (const input of inputs) input.dispose();
    },
  });
  if (threads > 1) await startThreads(np);
  return {
    name: "jax-js",
    version: installedVersion("@jax-js/jax") ?? "",
    product: async (a, b, [m, k, n]) => {
      const [left, right] = [np.array(a, { shape: [m, k] }), np.array(b, { shape: [k, n] })];
      return prepared([left, right], () => np.matmul(left.ref, right.ref));
    },
    simple: async (op, values, shape) => {
      const x = np.array(values, { shape });
      // Those of several steps are compiled into one, as in its encoder.
      const gelu = jax.jit((x: JaxArray) => nn.gelu(x, { approximate: false }));
      const standardize = jax.jit((x: JaxArray) => nn.standardize(x, -1, { epsilon: NORM_EPS }));
      const ops: Readonly<Record<SimpleOp, () => JaxArray>> = {
        exp: () => np.exp(x.ref),
        add: () => x.ref.add(x.ref),
        softmax: () => nn.softmax(x.ref),
        gelu: () => gelu(x.ref),
        standardize: () => standardize(x.ref),
      };
      return prepared([x], ops[op]);
    },
    encoder: async (problem) => jaxEncoder(jax, problem),
  };
};

/** Its workers start at the first work that is worth them. Until they answer, nothing else keeps the process alive. */
const startThreads = async (np: Jax["numpy"]): Promise<void> => {
  const alive = setInterval(() => {}, 1000);
  try {
    await np.exp(np.array(new Float32Array(ELEMENTS_FOR_THREADS), { shape: [ELEMENTS_FOR_THREADS] })).data();
  } finally {
    clearInterval(alive);
  }
};
