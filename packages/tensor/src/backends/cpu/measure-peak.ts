/** The machine's peak on a number of threads: the best of many short windows, since other processes may use the machine. */
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

/** How to measure it. */
export interface PeakOptions {
  /** Windows of 2 ms to take the best of, so short that others who use the machine leave some alone; 80 unless said otherwise. */
  readonly windows?: number | undefined;
  /** How many float32 to copy; unless said otherwise within a core's caches, within the shared one, and beyond both. */
  readonly sizes?: readonly number[] | undefined;
}

/** What the measurement needs of a device. */
export interface PeakProbe {
  readonly threads: number;
  readonly fuses: boolean;
  /** Runs one of the kernels of peak.as.ts, a task on each thread. */
  run(kernel: "peak_fused" | "peak_separate" | "peak_copy", args: readonly number[]): void;
  /** Gives memory to `work`, and takes it back. */
  borrow<T>(bytes: number, work: (address: number) => T): T;
}

const OPERATIONS_PER_ROUND = 96;
const WINDOW_SECONDS = 0.002;
const SIZES = [1 << 14, 1 << 20, 1 << 24];

/** Measures a device's peak. */
export const measurePeak = (probe: PeakProbe, { windows = 80, sizes = SIZES }: PeakOptions): Peak => {
  const { threads } = probe;
  const flops = (kernel: "peak_fused" | "peak_separate"): number =>
    probe.borrow(64 * threads, (out) => {
      const arithmetic = (rounds: number): number => seconds(() => probe.run(kernel, [out, rounds, 0.999, 0.001]));
      const rounds = repeatsFor(arithmetic, 1000);
      return (threads * rounds * OPERATIONS_PER_ROUND) / best(windows, () => arithmetic(rounds));
    });
  const copySpeed = (elements: number): number => {
    const share = Math.ceil((4 * elements) / threads / 64) * 64;
    return probe.borrow(2 * share * threads, (from) => {
      const copy = (repeats: number): number =>
        seconds(() => probe.run("peak_copy", [from + share * threads, from, share, repeats]));
      const repeats = repeatsFor(copy, 1);
      return (2 * share * threads * repeats) / best(windows, () => copy(repeats));
    });
  };
  const separateFlops = flops("peak_separate");
  const fusedFlops = probe.fuses ? flops("peak_fused") : null;
  return {
    threads,
    flops: Math.max(separateFlops, fusedFlops ?? 0),
    fusedFlops,
    separateFlops,
    copy: sizes.map((elements) => ({ elements, bytesPerSecond: copySpeed(elements) })),
  };
};

const seconds = (work: () => void): number => {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
};

/** How often it takes to fill a window; the engine's optimising compiler has been reached by then. */
const repeatsFor = (time: (repeats: number) => number, start: number): number => {
  let repeats = start;
  while (time(repeats) < WINDOW_SECONDS / 2) repeats *= 2;
  for (let i = 0; i < 10; i++) time(repeats);
  return Math.max(1, Math.round((repeats * WINDOW_SECONDS) / time(repeats)));
};

const best = (windows: number, time: () => number): number => Math.min(...Array.from({ length: windows }, time));
