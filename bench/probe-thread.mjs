// One thread of the probe. All threads of a window start together; each says how long its own share took.
import { parentPort, workerData } from "node:worker_threads";

const { module, memory, control, milliseconds, index, threads } = workerData;
const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;
/** Words of `control`; probe.ts has the same. */
const [JOB, ARRIVED, DONE, KIND, AMOUNT, REPEATS] = [0, 1, 2, 3, 4, 5];
const [STOP, ARITHMETIC] = [0, 1];

/** Where this thread's share of the copied memory lies: source and target one after the other. */
const base = 65536 + index * workerData.bytesPerThread;

const work = (kind, amount, repeats) => {
  if (kind === ARITHMETIC) return kernels.arithmetic(amount, 0.999, 0.001);
  for (let i = 0; i < repeats; i++) kernels.copy(base + workerData.bytesPerThread / 2, base, amount);
  return 0;
};

parentPort.postMessage("ready");
for (let job = 0; ;) {
  Atomics.wait(control, JOB, job);
  job = Atomics.load(control, JOB);
  const kind = Atomics.load(control, KIND);
  if (kind === STOP) break;
  Atomics.add(control, ARRIVED, 1);
  while (Atomics.load(control, ARRIVED) < threads);
  const start = performance.now();
  work(kind, Atomics.load(control, AMOUNT), Atomics.load(control, REPEATS));
  milliseconds[index] = performance.now() - start;
  Atomics.add(control, DONE, 1);
  Atomics.notify(control, DONE);
}
