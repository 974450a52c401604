import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { installRivals } from "../rivals/install-rivals.ts";
import { rivalsFolder } from "../rivals/installed.ts";
import type { GpuContender } from "./gpu-timing.ts";
import type { ProductJob } from "./pytorch-job.ts";

/** A product of another library with its operands on the device. */
export interface RivalProduct extends GpuContender {
  /** The whole result. */
  result(): Promise<ArrayLike<number>>;
  dispose(): void;
}

/** Another library that runs on WebGPU. */
export interface GpuRival {
  readonly name: string;
  readonly version: string;
  /** Operands as they lie in memory: `layout` says which one is transposed. */
  product(left: Float32Array, right: Float32Array, job: ProductJob): Promise<RivalProduct>;
}

/** As much of npm's `webgpu` as is used. */
interface WebgpuPackage {
  readonly create: (options: string[]) => unknown;
  readonly globals: Readonly<Record<string, unknown>>;
}
interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(values: Float32Array, shape: readonly number[]): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor;
  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor;
}
/** Every function of jax-js consumes its arguments; `ref` is one more use. */
interface JaxArray {
  readonly ref: JaxArray;
  slice(...index: readonly (readonly [number, number])[]): JaxArray;
  transpose(): JaxArray;
  blockUntilReady(): Promise<JaxArray>;
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface Jax {
  init(device: "webgpu"): Promise<readonly string[]>;
  defaultDevice(device: "webgpu"): string;
  readonly numpy: {
    array(values: Float32Array, options: { shape: readonly number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
  };
}
interface Modules {
  readonly tf: Tf;
  readonly jax: Jax;
  readonly versions: Readonly<Record<string, string>>;
}

const shapesOf = ({ m, k, n, layout }: ProductJob) =>
  ({
    left: layout === "TN" ? [k, m] : [m, k],
    right: layout === "NT" ? [n, k] : [k, n],
  }) as const;

/** Gives the libraries what a browser has, on the same package that we use. */
const provideGpu = async (dawn: readonly string[]): Promise<void> => {
  // A variable, so that a bundle does not look for it.
  const name = "webgpu";
  const { create, globals } = (await import(name)) as WebgpuPackage;
  for (const [key, value] of Object.entries(globals))
    if (!(key in globalThis)) Object.assign(globalThis, { [key]: value });
  const navigator = { gpu: create([...dawn]), userAgent: "node", hardwareConcurrency: 4 };
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true, writable: true });
};

/**
 * tfjs and jax-js on WebGPU; one that does not start is left out, and said. `file`: a bundle of webgpu-modules.mjs; `null`: the one
 * beside this program, or what is installed in bench/rivals, which is fetched when it is not there.
 */
export const loadGpuRivals = async (
  { file, dawn }: { file: string | null; dawn: readonly string[] },
  say: (text: string) => void,
): Promise<GpuRival[]> => {
  const path = file ?? `${rivalsFolder}webgpu-modules.mjs`;
  if (!existsSync(path)) {
    say(`tfjs and jax-js are left out: webgpu-modules.mjs is not there; name a bundle of it with --rivals FILE`);
    return [];
  }
  if (file === null && existsSync(`${rivalsFolder}package.json`) && !(await installRivals())) return [];
  const rivals: GpuRival[] = [];
  try {
    await provideGpu(dawn);
    const { tf, jax, versions } = (await import(pathToFileURL(path).href)) as Modules;
    for (const start of [() => startTfjs(tf, versions), () => startJax(jax, versions)])
      try {
        rivals.push(await start());
      } catch (error) {
        say(`a rival did not start and is left out: ${(error as Error).message}`);
      }
  } catch (error) {
    say(`tfjs and jax-js are left out: ${(error as Error).message}`);
  }
  return rivals;
};

const startTfjs = async (tf: Tf, versions: Modules["versions"]): Promise<GpuRival> => {
  if (!(await tf.setBackend("webgpu"))) throw new Error("tfjs: its WebGPU backend did not start");
  await tf.ready();
  const name = "tfjs-webgpu";
  return {
    name,
    version: versions[name] ?? "",
    product: async (a, b, job) => {
      const shapes = shapesOf(job);
      const [left, right] = [tf.tensor(a, shapes.left), tf.tensor(b, shapes.right)];
      const compute = (): Tensor => tf.matMul(left, right, job.layout === "TN", job.layout === "NT");
      let last: Tensor | null = null;
      return {
        name,
        run: () => {
          last?.dispose();
          last = compute();
        },
        // Its last result must be there, so everything before it is.
        finish: async () => {
          const corner = tf.slice(last!, [0, 0], [1, 1]);
          await corner.data();
          corner.dispose();
        },
        result: async () => {
          const y = compute();
          const values = await y.data();
          y.dispose();
          return values;
        },
        dispose: () => {
          for (const each of [left, right, last]) each?.dispose();
        },
      };
    },
  };
};

const startJax = async (jax: Jax, versions: Modules["versions"]): Promise<GpuRival> => {
  const { numpy: np } = jax;
  if (!(await jax.init("webgpu")).includes("webgpu")) throw new Error("jax-js: its WebGPU backend did not start");
  jax.defaultDevice("webgpu");
  const name = "jax-js";
  return {
    name,
    version: versions[name] ?? "",
    product: async (a, b, job) => {
      const shapes = shapesOf(job);
      const left = np.array(a, { shape: shapes.left });
      const right = np.array(b, { shape: shapes.right });
      const compute = (): JaxArray =>
        np.matmul(
          job.layout === "TN" ? left.ref.transpose() : left.ref,
          job.layout === "NT" ? right.ref.transpose() : right.ref,
        );
      let last: JaxArray | null = null;
      return {
        name,
        run: async () => {
          last?.dispose();
          // Lazy until then. It may return early, so `finish` reads.
          last = await compute().blockUntilReady();
        },
        finish: async () => {
          await last!.ref.slice([0, 1], [0, 1]).data();
        },
        result: () => compute().data(),
        dispose: () => {
          for (const each of [left, right, last]) each?.dispose();
        },
      };
    },
  };
};
