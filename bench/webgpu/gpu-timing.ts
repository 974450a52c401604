import { scope, type WebgpuBackend } from "@tessera/tensor";
import { median } from "../timing.ts";

/** One of those that are timed side by side on a GPU. */
export interface GpuContender<Name extends string = string> {
  readonly name: Name;
  /** Issues the work; it need not be done when this returns. A promise is awaited. */
  run(): unknown;
  /** Resolves when everything issued so far has run. */
  finish(): Promise<unknown>;
}

/** Seconds of one call. */
export interface GpuTiming {
  readonly median: number;
  readonly best: number;
  /** How many calls a round had before it waited for the device. */
  readonly calls: number;
}

export interface GpuPace {
  readonly rounds: number;
  /** What a round should last. */
  readonly roundSeconds: number;
  /** How long the same work runs before: while results were checked the device has slowed its clocks. */
  readonly warmSeconds: number;
}

export const gpuPaceOf = (quick: boolean): GpuPace =>
  quick ? { rounds: 3, roundSeconds: 0.002, warmSeconds: 0 } : { rounds: 7, roundSeconds: 0.03, warmSeconds: 0.2 };

/** Said in the notes of every table of times. */
export const describePace = ({ rounds, roundSeconds, warmSeconds }: GpuPace): string =>
  `Times are medians of ${rounds} rounds, after ${warmSeconds} s of the same work: calls are issued for about ${(1000 * roundSeconds).toFixed(0)} ms, then the device is waited for once.`;

/** Our own work: tensors that it makes are freed at once, and the buffers used again by the next call. */
export const onGpu = <Name extends string>(
  name: Name,
  gpu: WebgpuBackend,
  work: () => unknown,
): GpuContender<Name> => ({
  name,
  run: () => scope((): void => void work()),
  finish: () => gpu.sync(),
});

const MAX_CALLS = 20_000;

const seconds = async (contender: GpuContender, calls: number): Promise<number> => {
  const start = performance.now();
  for (let i = 0; i < calls; i++) {
    const result = contender.run();
    if (result instanceof Promise) await result;
  }
  await contender.finish();
  return (performance.now() - start) / 1000 / calls;
};

/** Compiles the pipelines, fills the pool, finds out how many calls fill a round, and lets the clocks rise. */
const callsOfARound = async (contender: GpuContender, { roundSeconds, warmSeconds }: GpuPace): Promise<number> => {
  await seconds(contender, 1);
  let calls = 1;
  let once = await seconds(contender, 1);
  while (once * calls < roundSeconds && calls < MAX_CALLS) {
    // Waiting costs something, too: a first guess from few calls is too low.
    calls = Math.min(MAX_CALLS, Math.max(2 * calls, Math.ceil(roundSeconds / once)));
    once = await seconds(contender, calls);
  }
  for (let warm = 0; warm < warmSeconds;) warm += calls * (await seconds(contender, calls));
  return calls;
};

/** Times contenders in turns: each round takes one sample of every one of them. */
export const raceOnGpu = async <Name extends string>(
  contenders: readonly GpuContender<Name>[],
  pace: GpuPace,
): Promise<Readonly<Record<Name, GpuTiming>>> => {
  const runners: { contender: GpuContender<Name>; calls: number; samples: number[] }[] = [];
  for (const contender of contenders)
    runners.push({ contender, calls: await callsOfARound(contender, pace), samples: [] });
  for (let round = 0; round < pace.rounds; round++)
    for (const { contender, calls, samples } of runners) samples.push(await seconds(contender, calls));
  return Object.fromEntries(
    runners.map(({ contender, calls, samples }) => [
      contender.name,
      { median: median(samples), best: Math.min(...samples), calls },
    ]),
  ) as Record<Name, GpuTiming>;
};

/** Times one piece of our own work. */
export const timeOnGpu = async (gpu: WebgpuBackend, work: () => unknown, pace: GpuPace): Promise<GpuTiming> =>
  (await raceOnGpu([onGpu("work", gpu, work)], pace)).work;
