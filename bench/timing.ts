import { setTimeout as sleep } from "node:timers/promises";
import { uniforms } from "./random-data.ts";

/** One of those that are timed side by side. A promise that `run` returns is awaited. */
export interface Contender<Name extends string = string> {
  readonly name: Name;
  readonly run: () => unknown;
  /** Seconds of a call over so many, of one that runs in another process and reads its own clock. */
  readonly time?: (calls: number) => Promise<number>;
}

/** Seconds of one call. */
export interface Timing {
  readonly median: number;
  /** The best window: what the code can do when the machine lets it. */
  readonly best: number;
  /** Of each round, in order: the n-th samples of two contenders are neighbours in time. */
  readonly samples: readonly number[];
  /** The median is more than a fifth above the best window: others used the machine. */
  readonly noisy: boolean;
}

export interface Pace {
  /** Time to spend on all contenders of one race, once they are warm. */
  readonly seconds: number;
  readonly rounds: readonly [least: number, most: number];
  /** What one sample should last; calls shorter than that are repeated. */
  readonly sampleSeconds: number;
  /**
   * A rest before each sample, in which the other contenders' threads fall asleep. onnxruntime's spin the longest: 2²⁰ idle
   * turns, some tens of milliseconds.
   */
  readonly restMs: number;
}

export const paceOf = (quick: boolean): Pace =>
  quick
    ? { seconds: 0.3, rounds: [3, 5], sampleSeconds: 0.002, restMs: 1 }
    : { seconds: 8, rounds: [9, 60], sampleSeconds: 0.02, restMs: 60 };

/**
 * Times contenders in turns in one process: each round takes one sample of every one of them, so that whatever slows the machine
 * for a while slows all of them. The order of a round is drawn, from a seed: nobody always follows the same rival, whose threads may
 * still spin and whose data fill the caches.
 */
export const race = async <Name extends string>(
  contenders: readonly Contender<Name>[],
  pace: Pace,
): Promise<Readonly<Record<Name, Timing>>> => {
  const runners: Runner<Name>[] = [];
  for (const contender of contenders) runners.push({ contender, ...(await warmUp(contender, pace)), samples: [] });
  const [least, most] = pace.rounds;
  const uniform = uniforms(1);
  const start = performance.now();
  for (let round = 0; round < most && (round < least || performance.now() - start < 1000 * pace.seconds); round++)
    for (const runner of shuffled(runners, uniform)) runner.samples.push(await sample(runner, pace));
  return Object.fromEntries(runners.map(({ contender, samples }) => [contender.name, timingOf(samples)])) as Record<
    Name,
    Timing
  >;
};

/** The same in an order that is drawn (Fisher–Yates). */
export const shuffled = <T>(items: readonly T[], uniform: () => number): T[] => {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor((i + 1) * uniform());
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
};

/** How many times faster `ours` is: the median over the rounds of what the two took in the same round, and of the bests. */
export const speedUp = (ours: Timing, other: Timing): { median: number; best: number } => ({
  median: median(ours.samples.map((seconds, round) => other.samples[round]! / seconds)),
  best: other.best / ours.best,
});

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

const timingOf = (samples: readonly number[]): Timing => {
  const best = Math.min(...samples);
  return { median: median(samples), best, samples, noisy: median(samples) > 1.2 * best };
};

interface Runner<Name extends string = string> {
  readonly contender: Contender<Name>;
  /** Calls of one sample. */
  readonly repeats: number;
  /** Whether waking up takes a part of it that shows. */
  readonly wakes: boolean;
  readonly samples: number[];
}

/** A call that takes this many seconds does not need another one before it. */
const LONG_CALL = 0.2;

const call = async (contender: Contender): Promise<void> => {
  const result = contender.run();
  // Awaiting nothing would hand the thread to whatever else waits.
  if (result instanceof Promise) await result;
};

const seconds = async (contender: Contender, repeats: number): Promise<number> => {
  if (contender.time) return contender.time(repeats);
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await call(contender);
  return (performance.now() - start) / 1000 / repeats;
};

/** Calls until the optimising compiler has done its work, and finds out how many calls one sample takes. */
const warmUp = async (contender: Contender, { sampleSeconds }: Pace): Promise<{ repeats: number; wakes: boolean }> => {
  const start = performance.now();
  let once = await seconds(contender, 1);
  for (let calls = 1; calls < 4 || (calls < 200 && performance.now() - start < 20_000 * sampleSeconds); calls++)
    once = Math.min(once, await seconds(contender, 1));
  return { repeats: Math.max(1, Math.ceil(sampleSeconds / once)), wakes: once < LONG_CALL };
};

const sample = async ({ contender, repeats, wakes }: Runner, { restMs }: Pace): Promise<number> => {
  await sleep(restMs);
  // Wakes its threads, and brings its data back into the caches.
  if (wakes) await call(contender);
  return seconds(contender, repeats);
};
