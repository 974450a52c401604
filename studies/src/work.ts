import type { Device, Job } from "./jobs.ts";
import type { Row } from "./measured.ts";
import type { Rows } from "./rows.ts";

/** Who does jobs, one at a time. */
export interface Runner {
  readonly device: Device;
  run(job: Job): Promise<Row>;
  stop(): void;
}

export interface WorkOptions {
  readonly jobs: readonly Job[];
  readonly rows: Rows;
  readonly runners: readonly Runner[];
  /** When work has to be over, in milliseconds of `performance.now()`. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly report: (row: Row, done: number, left: number) => void;
}

/** A pre-training that is stopped saves in about a second. */
const SAVING = 4000;

/**
 * Does jobs in their order as far as what they need is there, until the deadline. Each runner takes the first job that its device is best at,
 * else the first of the others'. A job that would not end in time is left to the next call; a pre-training saves and goes on there.
 */
export const work = async ({ jobs, rows, runners, deadline, signal, report }: WorkOptions): Promise<void> => {
  const todo = jobs.filter(({ name }) => !rows.get(name));
  const devices = new Set(runners.map(({ device }) => device));
  const running = new Map<Job, Runner>();
  const tried = new Set<string>();
  /** How long jobs take on a device, for each second that they were expected to. */
  const pace = new Map<Device, { expected: number; taken: number }>();
  let done = jobs.length - todo.length;
  let wake: () => void = () => {};
  const left = (): number => deadline - performance.now();

  const lasts = ({ seconds }: Job, device: Device): number => {
    const { expected, taken } = pace.get(device) ?? { expected: 1, taken: 1 };
    return (seconds * taken) / expected;
  };
  const next = (device: Device): Job | undefined => {
    const fits = (job: Job): boolean => "checkpoint" in job || 1000 * lasts(job, device) < left();
    const ready = todo.filter((job) => job.needs.every((name) => rows.get(name)) && fits(job));
    const isOwn = ({ prefers }: Job): boolean => prefers === device || !devices.has(prefers);
    // A pre-training of another device's would not end.
    return ready.find(isOwn) ?? ready.find((job) => !("checkpoint" in job));
  };
  const take = async (runner: Runner): Promise<void> => {
    while (!signal.aborted && left() > SAVING) {
      const job = next(runner.device);
      if (!job) {
        if (running.size === 0) return;
        await new Promise<void>((resume) => {
          const before = wake;
          wake = () => {
            before();
            resume();
          };
        });
        continue;
      }
      todo.splice(todo.indexOf(job), 1);
      running.set(job, runner);
      const row = await runner.run(job);
      running.delete(job);
      const stopped = signal.aborted || left() <= SAVING;
      if (row.error === undefined || !stopped) {
        rows.add(row);
        report(row, ++done, jobs.length - done);
      }
      // A GPU may be lost, or lack something: the row says so, and the job is tried once more, a cell on the cpu.
      if (row.error !== undefined && !stopped && runner.device !== "cpu" && !tried.has(job.name)) {
        tried.add(job.name);
        todo.unshift("checkpoint" in job || !devices.has("cpu") ? job : { ...job, prefers: "cpu" });
        done--;
      }
      if (row.error === undefined && !("checkpoint" in job)) {
        const { expected, taken } = pace.get(runner.device) ?? { expected: 0, taken: 0 };
        pace.set(runner.device, { expected: expected + job.seconds, taken: taken + row.seconds });
      }
      const awake = wake;
      wake = () => {};
      awake();
    }
  };
  const stopAll = (): void => {
    for (const runner of running.values()) runner.stop();
  };
  const alarm = setTimeout(stopAll, Math.max(0, left() - SAVING));
  signal.addEventListener("abort", stopAll, { once: true });
  try {
    await Promise.all(runners.map(take));
  } finally {
    clearTimeout(alarm);
    signal.removeEventListener("abort", stopAll);
  }
};
