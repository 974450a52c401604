import type { Job } from "./jobs.ts";
import type { Lab } from "./lab.ts";
import type { Measured } from "./measured.ts";
import { pretrain } from "./pretrain.ts";
import type { Rows } from "./rows.ts";
import { runCell } from "./run-cell.ts";
import { sharedPlans } from "./share-density.ts";

/** Does a piece of work. @param rows those that are there, for what is made of others */
export const runJob = async (lab: Lab, job: Job, rows: () => Rows): Promise<Measured> => {
  if ("checkpoint" in job) return pretrain(lab, job.checkpoint);
  const { cell } = job;
  return runCell(lab, cell, cell.sparse?.shared === undefined ? undefined : await sharedPlans(lab, cell, rows()));
};
