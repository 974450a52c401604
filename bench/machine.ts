import { cpu, setThreads, type Peak } from "@tessera/tensor";
import { fusesMultiplyAdd } from "@tessera/tensor/extend";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

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

/** Float32 elements of the memory-bound tables: within a core's caches, within the shared one, beyond both. */
export const SIZES = [1 << 14, 1 << 20, 1 << 24] as const;

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

/**
 * The peak of this process's threads, of which there are `threads` from now on.
 *
 * @param sizes how many elements to copy
 */
export const measurePeak = async (
  threads: number,
  { quick, sizes = SIZES }: { quick: boolean; sizes?: readonly number[] },
): Promise<Peak> => {
  setThreads(threads);
  const peak = await cpu.measurePeak({ windows: quick ? 40 : 240, sizes });
  if (peak.threads < threads) throw new Error(`bench: ${peak.threads} of ${threads} threads joined`);
  return peak;
};
