import { nameCell, nameSparsity, type Cell } from "../cell.ts";
import type { Row } from "../measured.ts";
import type { Rows } from "../rows.ts";
import { shortLayer } from "./found.ts";

const HEADER = "model,task,sparse,steps,taught,seed,device,loss,accuracy,density,parameters";

const round = (value: number | undefined, digits: number): string =>
  value === undefined ? "" : String(Number(value.toFixed(digits)));

const line = ({ model, task, sparse, steps, taught, seed }: Cell, row: Row): string =>
  [
    model,
    task,
    sparse ? shortLayer(nameSparsity(sparse)) : "dense",
    steps,
    taught ? 1 : 0,
    seed,
    row.device,
    round(row.loss, 5),
    round(row.accuracy, 5),
    round(row.realisedDensity, 4),
    row.parameters ?? "",
  ].join(",");

/** The measured cells of a study, a line each; those that are missing are not there. */
export const writeCells = (cells: readonly Cell[], rows: Rows): string =>
  `${[
    HEADER,
    ...cells.flatMap((cell) => {
      const row = rows.get(nameCell(cell));
      return row ? [line(cell, row)] : [];
    }),
  ].join("\n")}\n`;

/** Step and forward times, each beside the dense model's in the same process. */
export const writeTimes = (rows: readonly Row[]): string =>
  `${[
    "model,parameters,density,forward_ms,dense_forward_ms,step_ms,dense_step_ms",
    ...rows.map(({ job, parameters, realisedDensity, forwardMs, denseForwardMs, stepMs, denseStepMs }) =>
      [
        job.replace(/^time\//, ""),
        parameters,
        round(realisedDensity, 4),
        ...[forwardMs, denseForwardMs, stepMs, denseStepMs].map((ms) => round(ms, 2)),
      ].join(","),
    ),
  ].join("\n")}\n`;
