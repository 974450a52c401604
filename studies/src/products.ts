import { existsSync } from "node:fs";
import { join } from "node:path";
import { WEIGHTS_FILE } from "@tessera/cli/internal/training/model-folder";
import type { Job } from "./jobs.ts";
import type { Lab } from "./lab.ts";
import type { Rows } from "./rows.ts";

/** The folder of the model that a job leaves to others; none, if it leaves nothing. */
export const productOf = (lab: Pick<Lab, "path">, job: Job): string | undefined => {
  if ("checkpoint" in job) return lab.path("checkpoints", job.checkpoint.name);
  const { task, sparse, model, steps } = job.cell;
  const isTrainedDense = task !== "maskedLM" && model !== "naive Bayes" && !sparse && steps > 0;
  return isTrainedDense ? lab.path("classifiers", job.name) : undefined;
};

/** Forgets rows whose model is gone and still needed, as on another machine that got the rows alone: those jobs are done again. */
export const forgetLost = (lab: Pick<Lab, "path">, jobs: readonly Job[], rows: Rows): void => {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const forget = (name: string): void => {
    const job = byName.get(name);
    const folder = job && productOf(lab, job);
    if (!job || folder === undefined || !rows.get(name) || existsSync(join(folder, WEIGHTS_FILE))) return;
    rows.forget(name);
    job.needs.forEach(forget);
  };
  for (const job of jobs) if (!rows.get(job.name)) job.needs.forEach(forget);
};
