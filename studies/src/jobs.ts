import { denseOf, nameCell, readTask, type Cell, type Checkpoint } from "./cell.ts";
import { checkpointsOf } from "./checkpoints.ts";
import type { Scale } from "./scale.ts";
import { BY_WORTH, studyOf, type StudyName } from "./studies.ts";

export type Device = "cpu" | "webgpu";

/** A piece of work for one process: a pre-training, or a cell. */
export type Job = {
  readonly name: string;
  /** Jobs whose rows have to be there. */
  readonly needs: readonly string[];
  /** Where it is quicker by far; another device takes it when it has nothing else to do. */
  readonly prefers: Device;
  /** What it is expected to take on one thread of the cpu. */
  readonly seconds: number;
} & ({ readonly checkpoint: Checkpoint } | { readonly cell: Cell });

/** Seconds of one thread for a million parameters and a thousand tokens, forward and backward, as measured on two cores of a cloud machine. */
const SECONDS_OF_STEP = 0.16;
/** Of a forward pass. */
const SECONDS_OF_TEST = 0.05;
/** Tokens of a batch of glosses, padding included, and of the glosses of a test. */
const GLOSS_BATCH = 900;
const GLOSS_TEST_PER_CLASS = 8_000;
const HELD_OUT_TOKENS = 16_000;
const MASKED_BATCH = 512;
const LOADING = 0.5;

const millions = ({ layers, hidden }: Pick<Checkpoint, "layers" | "hidden">): number =>
  (12 * layers * hidden ** 2) / 1e6;

const secondsOf = ({ task, steps, taught, model }: Cell, checkpoints: ReadonlyMap<string, Checkpoint>): number => {
  const shape = checkpoints.get(model);
  if (!shape) return 1;
  const isMasked = task === "maskedLM";
  // The head of a masked language model costs as much as the embeddings, on some of the positions.
  const size = millions(shape) + (isMasked ? 0.2 : 0);
  const batch = isMasked ? MASKED_BATCH : GLOSS_BATCH;
  const test = isMasked ? HELD_OUT_TOKENS : readTask(task).classes * GLOSS_TEST_PER_CLASS;
  const step = (SECONDS_OF_STEP + (taught ? SECONDS_OF_TEST : 0)) * size * (batch / 1000);
  return LOADING + steps * step + SECONDS_OF_TEST * size * (test / 1000);
};

/** Tokens times layers of the largest pre-training that a thread does in some minutes. */
const MOST_ON_CPU = 5e6;

const checkpointJob = (checkpoint: Checkpoint): Job => ({
  name: `checkpoint/${checkpoint.name}`,
  needs: checkpoint.from === undefined ? [] : [`checkpoint/${checkpoint.from}`],
  // One of few tokens ends on a thread, too.
  prefers: checkpoint.from === undefined && checkpoint.tokens * checkpoint.layers > MOST_ON_CPU ? "webgpu" : "cpu",
  seconds: LOADING + 1.4 * SECONDS_OF_STEP * (millions(checkpoint) + 0.2) * (checkpoint.tokens / 1000),
  checkpoint,
});

/** Whether a cell starts from, or is taught by, the trained dense model of its own. */
const needsDense = ({ sparse, taught, task }: Cell): boolean =>
  task !== "maskedLM" && (sparse?.when === "after" || taught === true);

/** The one-shot cells of single layers by which densities are shared out. */
export const curvesFor = (cells: readonly Cell[]): Cell[] =>
  cells.filter(
    ({ task, steps, sparse }) =>
      task === "maskedLM" &&
      steps === 0 &&
      (!sparse || (typeof sparse.layers === "object" && sparse.by === "magnitude")),
  );

/** All work of some studies, the most valuable first: each job once. */
export const jobsOf = (studies: readonly StudyName[], scale: Scale): Job[] => {
  const checkpoints = new Map(checkpointsOf(scale).map((checkpoint) => [checkpoint.name, checkpoint]));
  const jobs = new Map<string, Job>();
  const addCheckpoint = (name: string): string[] => {
    const checkpoint = checkpoints.get(name);
    if (!checkpoint) return [];
    const job = checkpointJob(checkpoint);
    if (checkpoint.from !== undefined) addCheckpoint(checkpoint.from);
    if (!jobs.has(job.name)) jobs.set(job.name, job);
    return [job.name];
  };
  const addCell = (cell: Cell): void => {
    const name = nameCell(cell);
    if (jobs.has(name)) return;
    const needs = addCheckpoint(cell.model);
    if (needsDense(cell)) {
      addCell(denseOf(cell));
      needs.push(nameCell(denseOf(cell)));
    }
    if (cell.sparse?.shared === "dynamic" || cell.sparse?.shared === "evolutionary")
      for (const curve of curvesFor(studyOf("b", scale).cells)) {
        addCell(curve);
        needs.push(nameCell(curve));
      }
    const trains = cell.steps > 0 && cell.task !== "maskedLM" && cell.sparse?.when !== "after";
    const seconds = secondsOf(cell.sparse?.when === "after" ? { ...cell, steps: 0 } : cell, checkpoints);
    jobs.set(name, { name, needs, prefers: trains ? "webgpu" : "cpu", seconds, cell });
  };
  for (const name of BY_WORTH.filter((each) => studies.includes(each)))
    for (const cell of studyOf(name, scale).cells) addCell(cell);
  return [...jobs.values()];
};
