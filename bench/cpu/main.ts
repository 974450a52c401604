// `npm run bench -- cpu`: how fast we are, beside others and beside what the machine can do. See ../options.ts. Bundles to two files.
import { fork } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Peak } from "@tessera/tensor";
import { bundleFile } from "../bundle-file.ts";
import { describeMachine, machineLine, measurePeak } from "../machine.ts";
import { hasRivals, parseOptions, pinsCores, usage, UsageError, type BenchOptions } from "../options.ts";
import { loadWarning, peakLines, readJson, writeJson, writeTables, type Report } from "../report.ts";
import { installRivals } from "../rivals/install-rivals.ts";
import type { SectionJob, SectionMessage } from "../section-job.ts";
import { textOf } from "../table.ts";
import { wholeCores } from "../whole-cores.ts";

type Done = Extract<SectionMessage, { kind: "done" }>;

/** Only where somebody watches: the line is overwritten. */
const showProgress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const sectionProgram = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../section-process.ts" : "section-process.mjs", import.meta.url),
);

const runSection = (job: SectionJob): Promise<Done> =>
  new Promise((done, failed) => {
    // A whole process is pinned, so that all its threads are, and those of what it starts.
    const pinned = pinsCores(job.section)
      ? {
          execPath: "taskset",
          execArgv: ["-c", wholeCores(job.threads).join(","), process.execPath, ...process.execArgv],
        }
      : {};
    const child = fork(sectionProgram, { serialization: "advanced", ...pinned });
    let answer: Done | null = null;
    child.on("message", (message: SectionMessage) => {
      if (message.kind === "done") answer = message;
      else if (message.kind === "failed")
        failed(new Error(`${job.section} on ${job.threads} threads: ${message.text}`));
      else if (/left out/.test(message.text)) console.log(message.text);
      else showProgress(message.text);
    });
    child.on("error", failed);
    child.on("exit", (code, signal) =>
      answer
        ? done(answer)
        : failed(
            new Error(
              `${job.section} on ${job.threads} threads: its process ended with ${signal ?? code} and without a result`,
            ),
          ),
    );
    child.send(job);
  });

const bench = async (options: BenchOptions): Promise<void> => {
  const machine = describeMachine();
  console.log(`${machineLine(machine)}\n`);
  const warning = loadWarning(machine);
  if (warning) console.log(`${warning}\n`);
  const rivals = options.rivals && options.only.some(hasRivals) && (await installRivals());

  const peaks: Peak[] = [];
  for (const threads of options.threads) {
    showProgress(`peak on ${threads} threads`);
    peaks.push(await measurePeak(threads, options));
  }
  showProgress("");
  for (const line of peakLines(peaks)) console.log(line);
  console.log();

  const sections: Report["sections"][number][] = [];
  const versions: Record<string, string> = {};
  const report: Report = {
    command: `npm run bench -- ${process.argv.slice(2).join(" ")}`,
    date: new Date().toISOString().slice(0, 10),
    machine,
    peaks,
    rivals: versions,
    sections,
  };
  // At once, so that a file that cannot be written costs no hour; then after each section.
  const save = (): void => {
    if (options.json !== null) writeJson(options.json, report);
  };
  save();
  let failed = false;
  for (const section of options.only)
    for (const peak of peaks) {
      try {
        const { tables, rivals: used } = await runSection({
          section,
          threads: peak.threads,
          quick: options.quick,
          rivals,
          python: options.python,
          peak,
        });
        showProgress("");
        for (const table of tables) console.log(textOf(table));
        sections.push({ section, threads: peak.threads, tables });
        Object.assign(versions, used);
        save();
      } catch (error) {
        // The others go on: hours of measuring are not lost to one of them.
        failed = true;
        showProgress("");
        console.error(`${(error as Error).message}\n`);
      }
    }

  if (options.write) console.log(`written: ${writeTables(report).join(", ")}`);
  if (failed) process.exitCode = 1;
};

/** Tables that were measured on another machine. */
const show = (file: string, write: boolean): void => {
  const report = readJson(file);
  if (write && report.command.includes("--quick"))
    throw new UsageError(`bench: --write keeps what a whole run measured; ${file} was made with --quick`);
  for (const { tables } of report.sections) for (const table of tables) console.log(textOf(table));
  if (write) console.log(`written: ${writeTables(report).join(", ")}`);
};

/** Writes this program so that it runs with `node` alone: itself, the process of a section, and PyTorch's companion. */
const writeBundle = async (folder: string): Promise<void> => {
  mkdirSync(folder, { recursive: true });
  const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const checkout = here("../../");
  for (const [entry, name] of [
    ["main.ts", "bench-cpu.mjs"],
    ["../section-process.ts", "section-process.mjs"],
  ] as const)
    await bundleFile({ entry: here(entry), checkout, outfile: join(folder, name) });
  copyFileSync(here("pytorch_steps.py"), join(folder, "pytorch_steps.py"));
  console.log(`node bench-cpu.mjs cpu --only pytorch --python python3 --json pytorch.json   in ${folder}`);
};

try {
  const options = parseOptions(process.argv.slice(2));
  if (!options) console.log(usage);
  else if (options.from !== null) show(options.from, options.write);
  else if (options.bundle !== null) await writeBundle(resolve(options.bundle));
  else await bench(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
