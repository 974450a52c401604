// What a page, or a dedicated worker of it, finds when it uses the package. Bundled by pages.test.ts.
import { cpu, DeviceError, matmul, ones, openDevice, scope, setThreads, type Backend } from "@tessera/tensor";

const SIZE = 160;

/** Every element of a product of ones is its inner size: how many are not. */
const wrongOf = async (device: Backend): Promise<number> => {
  const read = scope(() => ({ data: matmul(ones([SIZE, SIZE], { device }), ones([SIZE, SIZE], { device })).data() }));
  return Array.from(await read.data).filter((value) => value !== SIZE).length;
};

/** The answer, or the message of a DeviceError. Other errors are nobody's wish. */
const attempt = async <T>(fn: () => Promise<T>): Promise<T | string> => {
  try {
    return await fn();
  } catch (error) {
    if (error instanceof DeviceError) return `DeviceError: ${error.message}`;
    return `untyped ${String(error)}`;
  }
};

/** Products on three threads until all have joined, or for as long as a thread may take to start. */
const onThreads = async (): Promise<{ readonly wrong: number; readonly joined: number }> => {
  if (globalThis.crossOriginIsolated) setThreads(3);
  let wrong = 0;
  const end = performance.now() + 3000;
  do {
    wrong += await wrongOf(cpu);
    await new Promise((done) => setTimeout(done, 50));
  } while (cpu.threadsJoined < 3 && performance.now() < end);
  return { wrong: wrong + (await wrongOf(cpu)), joined: cpu.threadsJoined };
};

const probe = async () => ({
  isolated: globalThis.crossOriginIsolated,
  cpu: await attempt(onThreads),
  reference: await attempt(async () => wrongOf(await openDevice("reference"))),
  webgpu: await attempt(async () => wrongOf(await openDevice("webgpu"))),
});
export type Findings = Awaited<ReturnType<typeof probe>>;

declare global {
  var findings: Promise<Findings>;
}

const inWorker = (): Promise<Findings> =>
  new Promise((done, failed) => {
    const worker = new Worker(import.meta.url, { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Findings>) => done(data);
    worker.onerror = ({ message }) => failed(new Error(`the worker failed: ${message}`));
  });

if (typeof document === "undefined") void probe().then((findings) => postMessage(findings));
else globalThis.findings = location.search === "?worker" ? inWorker() : probe();
