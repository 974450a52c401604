import { fusesMultiplyAdd } from "@tessera/tensor";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { buildProbe } from "./build-probe.ts";
import { Probe } from "./probe.ts";

/** Where numbers were measured. */
export interface Machine {
  readonly cpu: string;
  /** Threads that run at once. */
  readonly threads: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** Whether multiply-adds are fused (relaxed SIMD). */
  readonly fused: boolean;
  /** Processes that wanted to run in the last minute, when the measurements began. */
  readonly load: number;
}

/** What the machine does at most on so many threads: the best of many short windows. */
export interface Peak {
  readonly threads: number;
  /** FLOP/s of a loop in registers alone, 128-bit vectors: the better of the two below. */
  readonly flops: number;
  /** With fused multiply-adds; `null` where the engine has none. */
  readonly fusedFlops: number | null;
  /** With a multiplication and an addition. */
  readonly separateFlops: number;
  /** Bytes a second of a copy, read and written, by the number of float32 copied. */
  readonly copy: readonly { readonly elements: number; readonly bytesPerSecond: number }[];
}

/** Float32 elements of the memory-bound tables: within a core's caches, within the shared one, beyond both. */
export const SIZES = [1 << 14, 1 << 20, 1 << 24] as const;

const OPERATIONS_PER_ROUND = 96;
const WINDOW_SECONDS = 0.008;

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  threads: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${process.platform} ${process.arch}`,
  node: process.version,
  v8: process.versions.v8,
  fused: fusesMultiplyAdd(),
  load: loadavg()[0] ?? 0,
});

/** One line for the head of a report. */
export const machineLine = ({ cpu, threads, memoryGiB, system, node, v8, fused, load }: Machine): string =>
  `${cpu}, ${threads} threads, ${memoryGiB} GiB, ${system}, Node ${node} (V8 ${v8}), ${fused ? "fused" : "separate"} multiply-adds, load ${load.toFixed(1)} before`;

/** @param sizes how many elements to copy */
export const measurePeak = async (
  threads: number,
  { quick, sizes = SIZES }: { quick: boolean; sizes?: readonly number[] },
): Promise<Peak> => {
  const windows = quick ? 10 : 60;
  const largest = 4 * Math.max(0, ...sizes);
  const base = await measure(await buildProbe(false), threads, windows, { sizes, largest });
  const relaxed = fusesMultiplyAdd()
    ? await measure(await buildProbe(true), threads, windows, { sizes: [], largest: 0 })
    : null;
  return {
    threads,
    flops: Math.max(base.flops, relaxed?.flops ?? 0),
    fusedFlops: relaxed?.flops ?? null,
    separateFlops: base.flops,
    copy: base.copy,
  };
};

const measure = async (
  module: WebAssembly.Module,
  threads: number,
  windows: number,
  { sizes, largest }: { sizes: readonly number[]; largest: number },
): Promise<Pick<Peak, "flops" | "copy">> => {
  const probe = await Probe.start(module, threads, largest);
  try {
    const rounds = repeatsFor((n) => probe.arithmetic(n), 1000);
    const flops = (threads * rounds * OPERATIONS_PER_ROUND) / best(windows, () => probe.arithmetic(rounds));
    const copy = sizes.map((elements) => {
      const bytes = 4 * elements;
      const repeats = repeatsFor((n) => probe.copy(bytes, n), 1);
      return { elements, bytesPerSecond: (2 * bytes * repeats) / best(windows, () => probe.copy(bytes, repeats)) };
    });
    return { flops, copy };
  } finally {
    await probe.close();
  }
};

/** How often it takes to fill a window; the engine's optimising compiler has been reached by then. */
const repeatsFor = (seconds: (repeats: number) => number, start: number): number => {
  let repeats = start;
  while (seconds(repeats) < WINDOW_SECONDS / 2) repeats *= 2;
  for (let i = 0; i < 10; i++) seconds(repeats);
  return Math.max(1, Math.round((repeats * WINDOW_SECONDS) / seconds(repeats)));
};

const best = (windows: number, seconds: () => number): number => Math.min(...Array.from({ length: windows }, seconds));

/** Bytes a second that a copy of about as many elements reaches. */
export const copySpeed = ({ copy }: Peak, elements: number): number => {
  const distance = (size: number): number => Math.abs(Math.log(size / elements));
  return copy.reduce((near, one) => (distance(one.elements) < distance(near.elements) ? one : near)).bytesPerSecond;
};
