import { cpu, matmul, scope, setThreads, zeros, type Peak } from "@tessera/tensor";
import { setTimeout as sleep } from "node:timers/promises";
import type { Rival } from "./rivals/rival.ts";
import type { Pace } from "./timing.ts";

/** What a section of the benchmarks works with. */
export interface Setting {
  readonly threads: number;
  readonly peak: Peak;
  /** Small shapes and few rounds: to see that everything works, not how fast it is. */
  readonly quick: boolean;
  readonly pace: Pace;
  /** None where they are not installed, or not asked for. */
  readonly rivals: readonly Rival[];
  /** The Python that has PyTorch; `null` where no section asks for it. */
  readonly python: string | null;
  /** Tells what is being measured. */
  readonly say: (text: string) => void;
}

const PATIENCE_MS = 20_000;

/** Sets our threads and waits until they all take part. */
export const useThreads = async (threads: number): Promise<void> => {
  setThreads(threads);
  const start = performance.now();
  while (cpu.threadsJoined < threads) {
    if (performance.now() - start > PATIENCE_MS)
      throw new Error(`bench: ${cpu.threadsJoined} of ${threads} threads joined in ${PATIENCE_MS / 1000} s`);
    // They start at the first work that is worth them.
    scope((): void => {
      const a = zeros([256, 256]);
      matmul(a, a);
    });
    await sleep(5);
  }
};
