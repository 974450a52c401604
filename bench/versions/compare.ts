import { uniforms } from "../random-data.ts";
import { medianRatio, type RatioInterval } from "./interval.ts";
import { Version, type VersionOptions } from "./version.ts";
import type { DeviceName, WorkloadName } from "./workloads.ts";

/** One workload on two versions. A ratio above 1: the version after is faster. */
export interface Comparison {
  readonly device: DeviceName;
  readonly threads: number;
  readonly workload: WorkloadName;
  readonly pairs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly speed: RatioInterval;
  /** Whether both had the same loss, to the bit, after the same steps. */
  readonly sameLoss: boolean;
}

/** Steps after which losses are compared. */
const CHECKED_STEPS = 6;
const WARM_UP_SECONDS = 1.5;

/**
 * Times two versions in turns, one sample of each a pair, in an order that is drawn for each pair. The other one waits meanwhile, its
 * threads asleep.
 *
 * @param sampleSeconds what a sample should last; shorter steps are repeated
 */
export const compare = async (
  versions: { readonly before: VersionOptions; readonly after: VersionOptions },
  { device, threads, workloads, pairs, sampleSeconds, say }: CompareOptions,
): Promise<Comparison[]> => {
  const [before, after] = [new Version(versions.before), new Version(versions.after)];
  const uniform = uniforms(1);
  const comparisons: Comparison[] = [];
  try {
    for (const version of [before, after]) await version.open(device, threads);
    for (const workload of workloads) {
      say(`${device}, ${threads} threads: ${workload}`);
      const losses: number[] = [];
      for (const version of [before, after]) {
        await version.load(workload);
        losses.push((await version.time(CHECKED_STEPS)).loss);
      }
      const steps = await stepsOf(before, sampleSeconds);
      await stepsOf(after, sampleSeconds);
      const times: { before: number; after: number }[] = [];
      while (times.length < pairs) {
        const first = uniform() < 0.5;
        const one = await (first ? before : after).time(steps);
        const two = await (first ? after : before).time(steps);
        times.push(first ? { before: one.seconds, after: two.seconds } : { before: two.seconds, after: one.seconds });
      }
      comparisons.push({
        device,
        threads,
        workload,
        pairs,
        beforeMs: 1000 * medianRatio(times.map((pair) => pair.before)).ratio,
        afterMs: 1000 * medianRatio(times.map((pair) => pair.after)).ratio,
        speed: medianRatio(times.map((pair) => pair.before / pair.after)),
        sameLoss: Object.is(losses[0], losses[1]),
      });
    }
  } finally {
    before.close();
    after.close();
  }
  return comparisons;
};

export interface CompareOptions {
  readonly device: DeviceName;
  readonly threads: number;
  readonly workloads: readonly WorkloadName[];
  readonly pairs: number;
  readonly sampleSeconds: number;
  readonly say: (text: string) => void;
}

/** Warms a version up, and finds out how many steps a sample takes. */
const stepsOf = async (version: Version, sampleSeconds: number): Promise<number> => {
  const start = performance.now();
  let once = (await version.time(1)).seconds;
  while (performance.now() - start < 1000 * WARM_UP_SECONDS) once = Math.min(once, (await version.time(2)).seconds);
  return Math.max(1, Math.ceil(sampleSeconds / once));
};
