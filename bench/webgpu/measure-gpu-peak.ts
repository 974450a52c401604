import { add, clone, dispose, scope, tensor, zeros, type WebgpuBackend } from "@tessera/tensor";
import { checkEntries, near } from "../check.ts";
import { manyNormals, normals } from "../random-data.ts";
import { median } from "../timing.ts";
import { fmaProbe, fmaProbeFlops, fmaResult } from "./fma-probe.ts";
import { onGpu, raceOnGpu, timeOnGpu, type GpuPace } from "./gpu-timing.ts";

/** What the device does at most, and what it costs to ask. */
export interface GpuPeak {
  /** FLOP/s of multiply-adds in registers, from WGSL. */
  readonly flops: number;
  /** Bytes a second of a copy, read and written. */
  readonly copyBytesPerSecond: number;
  readonly copiedBytes: number;
  /** Seconds for which JavaScript is busy with one op on few elements. */
  readonly issueSeconds: number;
  /** Seconds for one such op, the device's work included: issued a thousand at a time, then waited for. */
  readonly opSeconds: number;
  /** Seconds until one element is on the host, and until `sync` returns, when the device has nothing to do. */
  readonly readSeconds: number;
  readonly syncSeconds: number;
}

const FACTORS = [0.75, 0.1, 0.2, 0.3, 0.4] as const;
const OPS = 1000;

/** Checks and measures the device's own peaks. */
export const measureGpuPeak = async (gpu: WebgpuBackend, quick: boolean, pace: GpuPace): Promise<GpuPeak> => {
  const flops = await measureFlops(gpu, quick, pace);
  const { bytes, bytesPerSecond } = await measureCopy(gpu, quick, pace);
  return { flops, copyBytesPerSecond: bytesPerSecond, copiedBytes: bytes, ...(await measureIssuing(gpu, quick)) };
};

const measureFlops = async (gpu: WebgpuBackend, quick: boolean, pace: GpuPace): Promise<number> => {
  const probe = quick ? { workgroups: 4, turns: 8 } : { workgroups: 8192, turns: 128 };
  const factors = tensor([...FACTORS], undefined, { device: gpu });
  const host = Float32Array.from(FACTORS);
  const result = fmaProbe(factors, probe);
  const got = await result.data();
  checkEntries("fma probe", got, got.length, (i) => near(fmaResult(i, host, probe.turns), 256));
  const { best } = await timeOnGpu(gpu, () => fmaProbe(factors, probe), pace);
  dispose([factors, result]);
  return fmaProbeFlops(probe) / best;
};

const measureCopy = async (
  gpu: WebgpuBackend,
  quick: boolean,
  pace: GpuPace,
): Promise<{ bytes: number; bytesPerSecond: number }> => {
  const elements = quick ? 1 << 16 : 1 << 26;
  const host = manyNormals(elements, 1);
  const x = tensor(host, undefined, { device: gpu });
  const copy = clone(x);
  checkEntries("copy", await copy.data(), elements, (at) => near(host[at]!, 0));
  copy.dispose();
  const { median: seconds } = await timeOnGpu(gpu, () => clone(x), pace);
  x.dispose();
  return { bytes: 4 * elements, bytesPerSecond: (8 * elements) / seconds };
};

const measureIssuing = async (gpu: WebgpuBackend, quick: boolean) => {
  const host = [normals(256, 1), normals(256, 2)] as const;
  const a = tensor(host[0], undefined, { device: gpu });
  const b = tensor(host[1], undefined, { device: gpu });
  const sum = add(a, b);
  checkEntries("add", await sum.data(), 256, (at) => near(host[0][at]! + host[1][at]!, 1));
  const ops = quick ? 50 : OPS;
  const manyOps = (): void =>
    scope(() => {
      for (let i = 0; i < ops; i++) add(a, b).dispose();
    });
  const { many } = await raceOnGpu([onGpu("many", gpu, manyOps)], {
    rounds: quick ? 3 : 15,
    roundSeconds: 0,
    warmSeconds: 0,
  });
  const issued: number[] = [];
  const reads: number[] = [];
  const syncs: number[] = [];
  const one = zeros([1], { device: gpu });
  for (let i = 0; i < (quick ? 3 : 25); i++) {
    issued.push(timed(manyOps));
    await gpu.sync();
    reads.push(await timedAsync(() => one.item()));
    syncs.push(await timedAsync(() => gpu.sync()));
  }
  dispose([a, b, sum, one]);
  return {
    issueSeconds: median(issued) / ops,
    opSeconds: many.median / ops,
    readSeconds: median(reads),
    syncSeconds: median(syncs),
  };
};

const timed = (work: () => void): number => {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
};

const timedAsync = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
