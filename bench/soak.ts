// `npm run bench -- soak [--steps N] [--device cpu]`: small training steps in their hundred thousands. Live bytes stay equal, resident memory flat, and
// the last tenth is as fast as the first.
import { parseArgs } from "node:util";
import { valueAndGrad } from "@tessera/autograd";
import { AdamW, Dropout, Linear, Module, mseLoss, type Optimizer } from "@tessera/nn";
import { BlockSparseLinear } from "@tessera/sparse";
import {
  manualSeed,
  memory,
  openDevice,
  randn,
  relu,
  scope,
  setDefaultDevice,
  setThreads,
  type Tensor,
} from "@tessera/tensor";
import { UsageError } from "./options.ts";
import { makeTable, textOf } from "./table.ts";

const USAGE = "usage: npm run bench -- soak [--steps N] [--device cpu|reference|webgpu] [--seed N]";
const PARTS = 10;
/** Steps whose time is taken together, and after which the device is waited for. */
const WINDOW = 20;
/** What resident memory may grow by from the second tenth to the last: a collection of garbage more or less. */
const MAX_GROWTH = 48 * 2 ** 20;

/** Dense, dropout, block-sparse, dense. Shape: [8, 16] → [8, 4]. */
class SmallNet extends Module {
  readonly into = new Linear(16, 32);
  readonly dropout = new Dropout(0.1);
  readonly sparse = new BlockSparseLinear(32, 32, { density: 0.5, blockSize: 8 });
  readonly out = new Linear(32, 4);
  forward(x: Tensor): Tensor {
    return this.out.forward(relu(this.sparse.forward(this.dropout.forward(relu(this.into.forward(x))))));
  }
}

interface Part {
  readonly steps: number;
  readonly tensors: number;
  readonly bytes: number;
  /** Resident set of the process, in bytes. */
  readonly resident: number;
  /** Median over windows, in microseconds. */
  readonly stepTime: number;
  readonly loss: number;
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1]!;

const readArguments = () => {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      steps: { type: "string", default: "1000000" },
      device: { type: "string", default: "cpu" },
      seed: { type: "string", default: "0" },
    },
  });
  const [steps, seed] = [Number(values.steps), Number(values.seed)];
  if (!Number.isSafeInteger(steps) || steps < PARTS * WINDOW || !Number.isSafeInteger(seed))
    throw new UsageError(
      `soak: expected at least ${PARTS * WINDOW} steps and a whole seed, got ${values.steps} and ${values.seed}\n${USAGE}`,
    );
  return { steps, seed, device: values.device };
};

/** One window of steps towards random numbers, and the last loss. */
const runWindow = async (
  step: (x: Tensor, y: Tensor) => { value: Tensor; grads: Parameters<Optimizer["step"]>[0] },
  optimizer: Optimizer,
): Promise<number> => {
  let last: Promise<number> = Promise.resolve(0);
  for (let i = 0; i < WINDOW; i++)
    scope((): void => {
      const { value, grads } = step(randn([8, 16]), randn([8, 4]));
      optimizer.step(grads);
      if (i === WINDOW - 1) last = value.item();
    });
  return last;
};

const { steps, seed, device: name } = readArguments();
const device = await openDevice(name as "cpu");
setDefaultDevice(device);
// Layers this small gain nothing by threads, and one thread is a quieter clock.
setThreads(1);
manualSeed(seed);
const model = new SmallNet();
const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
const step = valueAndGrad(model, (x: Tensor, y: Tensor) => mseLoss(model.forward(x), y));
const parts: Part[] = [];
const windows = Math.floor(steps / PARTS / WINDOW);
for (let part = 1; part <= PARTS; part++) {
  const times: number[] = [];
  let loss = 0;
  for (let i = 0; i < windows; i++) {
    const start = performance.now();
    loss = await runWindow(step, optimizer);
    times.push((1000 * (performance.now() - start)) / WINDOW);
  }
  const { tensors, bytes } = memory()[device.name]!;
  parts.push({
    steps: part * windows * WINDOW,
    tensors,
    bytes,
    resident: process.memoryUsage.rss(),
    stepTime: median(times),
    loss,
  });
}
console.log(
  textOf(
    makeTable(`Training steps of a small net on ${device.name}, seed ${seed}`, parts, [
      { label: "steps", cell: (part) => `${part.steps}` },
      { label: "live tensors", cell: ({ tensors }) => `${tensors}` },
      { label: "live bytes", cell: ({ bytes }) => `${bytes}` },
      { label: "resident MB", cell: ({ resident }) => (resident / 1e6).toFixed(1) },
      { label: "µs a step", cell: ({ stepTime }) => stepTime.toFixed(1) },
      { label: "loss", cell: ({ loss }) => loss.toFixed(4) },
    ]),
  ),
);
const [first, second, last] = [parts[0]!, parts[1]!, parts.at(-1)!];
const complaints = [
  ...(parts.some(({ tensors, bytes }) => tensors !== first.tensors || bytes !== first.bytes)
    ? ["live tensors or bytes changed"]
    : []),
  ...(last.resident - second.resident > MAX_GROWTH
    ? [`resident memory grew by ${((last.resident - second.resident) / 1e6).toFixed(1)} MB`]
    : []),
  ...(parts.every(({ loss }) => Number.isFinite(loss)) ? [] : ["a loss is not finite"]),
];
console.log(`the last tenth takes ${(last.stepTime / first.stepTime).toFixed(2)} of the time of the first`);
console.log(complaints.length === 0 ? "live bytes equal, resident memory flat" : complaints.join("; "));
optimizer.dispose();
model.dispose();
if (complaints.length > 0) process.exitCode = 1;
