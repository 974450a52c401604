import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { UsageError } from "./options.ts";

/** `0-3,8` as [0, 1, 2, 3, 8]. */
export const cpusIn = (text: string): number[] =>
  text
    .trim()
    .split(",")
    .flatMap((part) => {
      const [first, last] = part.split("-").map(Number) as [number, number?];
      return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i);
    });

/** What `taskset` says of this process: some kernels keep no list in /proc. */
const allowedCpus = (): number[] => {
  try {
    const text = execFileSync("taskset", ["-pc", `${process.pid}`], { encoding: "utf8" });
    return cpusIn(text.slice(text.lastIndexOf(":") + 1));
  } catch (error) {
    throw new UsageError(
      `bench: threads are pinned to cores by taskset (util-linux), which failed: ${(error as Error).message}`,
    );
  }
};

/**
 * One logical CPU of each of so many cores, among those that this process may use: nobody shares a core with its own sibling thread.
 *
 * @throws UsageError where there are fewer cores, or no taskset
 */
export const wholeCores = (count: number): number[] => {
  const firstOfCore = new Map<string, number>();
  for (const cpu of allowedCpus()) {
    const file = `/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`;
    const core = existsSync(file) ? readFileSync(file, "utf8") : `${cpu}`;
    if (!firstOfCore.has(core)) firstOfCore.set(core, cpu);
  }
  const cores = [...firstOfCore.values()];
  if (cores.length < count)
    throw new UsageError(
      `bench: ${count} threads on whole cores need ${count} cores, this process may use ${cores.length}; pass --threads`,
    );
  return cores.slice(0, count);
};
