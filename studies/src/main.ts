import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { hasGpu } from "./adapter.ts";
import { jobsOf, type Job } from "./jobs.ts";
import { Lab } from "./lab.ts";
import type { Row } from "./measured.ts";
import { forgetLost } from "./products.ts";
import { Rows } from "./rows.ts";
import { full, tiny } from "./scale.ts";
import { studyNames, type StudyName } from "./studies.ts";
import { writeSummary } from "./summary/pages.ts";
import { timeModels } from "./time-models.ts";
import { work } from "./work.ts";
import { serve, Worker, type WorkerStart } from "./workers.ts";

const HELP = `npm run study -- NAME… [options]

Does the next cells of some studies, or of all: ${studyNames.join(", ")}. What is measured stays in the folder; call it again to go on.

  --folder DIR    where rows and models are kept (runs/studies)
  --workers N     processes on the cpu, each of one thread (all but one of the machine's)
  --gpu N         processes on webgpu beside them, where there is a GPU (2)
  --minutes M     when to stop (9)
  --times         then takes step and forward times, alone
  --summary       does nothing more: writes rows, tables and pictures of what is there
  --pages DIR     where the summary is written, beside the prose of its pages (docs/studies)
  --dry-run       lists what is to do, and for how long
  --tiny          everything tiny, to see that it runs
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: "string", default: "runs/studies" },
    workers: { type: "string", default: String(Math.max(1, availableParallelism() - 1)) },
    gpu: { type: "string" },
    minutes: { type: "string", default: "9" },
    times: { type: "boolean", default: false },
    summary: { type: "boolean", default: false },
    pages: { type: "string", default: "docs/studies" },
    "dry-run": { type: "boolean", default: false },
    tiny: { type: "boolean", default: false },
    serve: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const whole = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`study: expected --${name} to be a whole number from 0, got ${text}`);
};

const namesOf = (given: readonly string[]): StudyName[] => {
  if (given.length === 1 && given[0] === "all") return [...studyNames];
  const unknown = given.find((name) => !studyNames.includes(name as StudyName));
  if (unknown !== undefined) throw new Error(`study: expected ${studyNames.join(", ")} or all, got ${unknown}`);
  return given as StudyName[];
};

const hours = (seconds: number): string => `${(seconds / 3600).toFixed(2)} h`;

const list = (jobs: readonly Job[], rows: Rows): void => {
  const todo = jobs.filter(({ name }) => !rows.get(name));
  for (const { name, seconds, prefers } of todo)
    print(`${seconds.toFixed(0).padStart(6)} s  ${prefers.padEnd(6)}  ${name}`);
  const total = (some: readonly Job[]): number => some.reduce((sum, { seconds }) => sum + seconds, 0);
  const [pretrainings, cells] = [todo.filter((job) => "checkpoint" in job), todo.filter((job) => "cell" in job)];
  print(
    `${jobs.length - todo.length} of ${jobs.length} done; left, on one thread of the cpu: ${pretrainings.length} pre-trainings ${hours(total(pretrainings))}, ${cells.length} cells ${hours(total(cells))}`,
  );
};

const showRow = ({ job, device, seconds, loss, accuracy, error }: Row): string => {
  const found = [loss?.toFixed(4), accuracy === undefined ? undefined : `${(100 * accuracy).toFixed(2)} %`]
    .filter(Boolean)
    .join("  ");
  return `${job}  ${error === undefined ? found : `failed: ${error.split("\n")[0]}`}  ${seconds.toFixed(1)} s on ${device}`;
};

const run = async (names: readonly StudyName[]): Promise<void> => {
  const begun = performance.now();
  const folder = resolve(values.folder);
  const rowsFile = join(folder, "rows.jsonl");
  const scale = values.tiny ? tiny : full;
  const jobs = jobsOf(names, scale);
  if (values.serve !== undefined)
    return serve(JSON.parse(values.serve) as WorkerStart, scale, jobsOf(studyNames, scale));
  const rows = new Rows(rowsFile);
  if (values["dry-run"]) return list(jobs, rows);
  if (values.summary) {
    for (const name of names)
      for (const file of await writeSummary(name, rows, scale, resolve(values.pages))) print(file);
    return;
  }
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  // The tokenizer is learned once, before others ask for it.
  const lab = await Lab.open(folder, scale, stop.signal);
  forgetLost(lab, jobs, rows);
  const gpu = await hasGpu();
  if (!gpu && values.gpu !== undefined && values.gpu !== "0") print("no GPU was found: everything runs on the cpu");
  const asked = values.gpu === undefined ? 2 : whole("gpu", values.gpu);
  const counts = { cpu: whole("workers", values.workers), webgpu: gpu ? asked : 0 };
  const runners = (["webgpu", "cpu"] as const).flatMap((device) =>
    Array.from(
      { length: counts[device] },
      () => new Worker(device, { folder, rowsFile, device, threads: 1, tiny: values.tiny }),
    ),
  );
  const deadline = begun + 60_000 * Number(values.minutes);
  const report = (row: Row, done: number, left: number): void => print(`${done}/${done + left}  ${showRow(row)}`);
  try {
    await work({ jobs, rows, runners, deadline, signal: stop.signal, report });
  } finally {
    for (const runner of runners) runner.end();
  }
  if (values.times && !stop.signal.aborted) await timeModels(lab, rows, (row) => print(showRow(row)));
  list(jobs, rows);
};

if (values.help || positionals.length === 0) print(HELP);
else await run(namesOf(positionals));
