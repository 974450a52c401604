// One version's half of a comparison: runs what it is asked to, and answers with the time. Bundled once for each version, with that
// version's packages; it uses only names that every version has.
import { BlockLayout, BlockSparseMatrix, dds, sdd } from "@tessera/sparse";
import {
  add,
  cpu,
  dispose,
  matmul,
  openDevice,
  randn,
  scope,
  setDefaultDevice,
  transpose,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { encoderProblem } from "../cpu/encoder-problem.ts";
import { tesseraEncoder } from "../cpu/tessera-encoder.ts";
import { robertaSizes, tinyRoberta } from "../cpu/tiny-roberta.ts";
import { useThreads } from "../setting.ts";
import { modelSizes } from "../webgpu/model-sizes.ts";
import { denseVariant, robertaTraining } from "../webgpu/roberta-training.ts";
import type { JobAnswer, JobRequest, WorkloadName } from "./workloads.ts";

/** Something to repeat. `step` gives a loss where there is one to compare. */
interface Workload {
  step(): Promise<number> | number;
  dispose(): void;
}

/** Calls of one step, of an op so small that its own work does not show. */
const LAUNCHES = 2000;

const launchCost = (): Workload => {
  const [a, b] = [randn([64, 64]), randn([64, 64])];
  return {
    step: () => {
      for (let i = 0; i < LAUNCHES; i++) scope((): void => void add(a, b));
      return 0;
    },
    dispose: () => {
      a.dispose();
      b.dispose();
    },
  };
};

/** A call whose result is forgotten: losses are for steps of training. */
const forgotten = (product: () => Tensor): number => {
  scope((): void => void product());
  return 0;
};

const denseProduct = (m: number, k: number, n: number): Workload => {
  const [a, b] = [randn([m, k]), randn([k, n])];
  return { step: () => forgotten(() => matmul(a, b)), dispose: () => dispose([a, b]) };
};

const sparseProduct = (product: "forward" | "dx" | "dw"): Workload => {
  const [tokens, inFeatures, outFeatures] = [2048, 768, 3072];
  const layout = BlockLayout.balanced({ outFeatures, inFeatures, blockSize: 32, density: 0.25, seed: 1 });
  const [x, dy, dense] = [randn([tokens, inFeatures]), randn([tokens, outFeatures]), randn([outFeatures, inFeatures])];
  const w = BlockSparseMatrix.fromDense(dense, layout);
  const calls = {
    forward: () => dds(x, w, { transposed: true }),
    dx: () => dds(dy, w),
    dw: () => sdd(transpose(dy, 0, 1), x, w),
  };
  return { step: () => forgotten(calls[product]), dispose: () => dispose([x, dy, dense, w.values, w.index]) };
};

const onGpu = (name: "tiny" | "base", density: number): Workload => {
  const sizes = modelSizes.find((one) => one.name === name)!;
  const variant = density === 1 ? denseVariant : { density, blockSize: 32, dropout: 0 };
  const training = robertaTraining(sizes, variant);
  return { step: () => training.step("loss"), dispose: () => training.dispose() };
};

const workloads: Readonly<Record<WorkloadName, () => Workload>> = {
  encoder: () =>
    tesseraEncoder(encoderProblem({ layers: 2, hidden: 128, heads: 4, feedForward: 512, batch: 16, tokens: 64 })),
  "2x128": () => tinyRoberta(robertaSizes["2x128"], 1),
  "2x128 at 0.25": () => tinyRoberta(robertaSizes["2x128"], 0.25),
  "4x256": () => tinyRoberta(robertaSizes["4x256"], 1),
  "4x256 at 0.25": () => tinyRoberta(robertaSizes["4x256"], 0.25),
  "1024x1024x1024": () => denseProduct(1024, 1024, 1024),
  "2048x768x3072": () => denseProduct(2048, 768, 3072),
  "forward at 0.25": () => sparseProduct("forward"),
  "dx at 0.25": () => sparseProduct("dx"),
  "dw at 0.25": () => sparseProduct("dw"),
  launches: launchCost,
  tiny: () => onGpu("tiny", 1),
  "tiny at 0.25": () => onGpu("tiny", 0.25),
  base: () => onGpu("base", 1),
  "base at 0.25": () => onGpu("base", 0.25),
};

let device: Backend = cpu;
let current: Workload | null = null;

const answer = async (request: JobRequest): Promise<JobAnswer> => {
  if (request.kind === "open") {
    device = request.device === "cpu" ? cpu : await openDevice("webgpu");
    setDefaultDevice(device);
    if (request.device === "cpu") await useThreads(request.threads);
    return { seconds: 0, loss: 0 };
  }
  if (request.kind === "load") {
    current?.dispose();
    current = workloads[request.workload]();
    return { seconds: 0, loss: 0 };
  }
  const start = performance.now();
  let loss: Promise<number> | number = 0;
  for (let i = 0; i < request.steps; i++) loss = current!.step();
  await device.sync();
  const seconds = (performance.now() - start) / 1000 / request.steps;
  return { seconds, loss: await loss };
};

process.on("message", (request: JobRequest) => {
  void answer(request).then(
    (done) => process.send!(done),
    (error: Error) => process.send!({ failed: error.stack ?? error.message } satisfies JobAnswer),
  );
});
