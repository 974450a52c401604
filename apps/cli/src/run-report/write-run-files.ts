import { join } from "node:path";
import { openFolder } from "@tessera/models";
import { scalarsOf } from "../logs/log-entries.ts";
import { encodeTensorBoardEvents } from "../logs/tensorboard-events.ts";
import { toTrainerState, type TrainerStateFacts } from "../logs/trainer-state.ts";
import { writeReport } from "../report/write-report.ts";
import { makeFolder } from "../run-folder/make-folder.ts";
import { createRunReport } from "./run-report.ts";
import { readRun } from "./read-run.ts";

/** Where TensorBoard finds the numbers of a run. */
const EVENTS = ["tensorboard", "events.out.tfevents.tessera"] as const;

/**
 * Writes what others read of a run into its folder: the report, `log.csv`, events for TensorBoard, and `trainer_state.json`. All of it follows from the
 * state and the log of the run.
 */
export const writeRunFiles = async (folder: string, facts: TrainerStateFacts): Promise<string> => {
  const run = await readRun(folder);
  const scalars = scalarsOf(run.log);
  const end = Date.now() / 1000;
  const last = scalars.at(-1)?.seconds ?? 0;
  const events = encodeTensorBoardEvents(
    scalars.map(({ seconds, ...scalar }) => ({ ...scalar, wallTime: end - last + seconds })),
  );
  await makeFolder(join(folder, EVENTS[0]));
  await (await openFolder(join(folder, EVENTS[0]))).write(new Map([[EVENTS[1], events]]));
  const state = `${JSON.stringify(toTrainerState(run.log, facts), null, 2)}\n`;
  await (await openFolder(folder)).write(new Map([["trainer_state.json", new TextEncoder().encode(state)]]));
  return writeReport(folder, createRunReport(run), "log.csv");
};
