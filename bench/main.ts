// `npm run bench -- cpu`: how fast we are, beside others and beside what the machine can do. See options.ts. `-- webgpu`: webgpu/main.ts. `-- kept`: kept-bytes.ts. `-- soak`: soak.ts. `-- size`: size.ts. `-- tokenizers`: tokenizers.ts. `-- sweep`: sweep.ts.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Peak } from "@tessera/tensor";
import { describeMachine, machineLine, measurePeak } from "./machine.ts";
import { parseOptions, usage, UsageError, type BenchOptions } from "./options.ts";
import { loadWarning, peakLines, writeJson, writeTables, type Report } from "./report.ts";
import { installRivals } from "./rivals/install-rivals.ts";
import type { SectionJob, SectionMessage } from "./section-job.ts";
import { textOf } from "./table.ts";

type Done = Extract<SectionMessage, { kind: "done" }>;

/** Only where somebody watches: the line is overwritten. */
const showProgress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const runSection = (job: SectionJob): Promise<Done> =>
  new Promise((done, failed) => {
    const child = fork(fileURLToPath(new URL("section-process.ts", import.meta.url)), { serialization: "advanced" });
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
  const needsRivals = options.only.some((section) => !["sparse", "break-even", "profile"].includes(section));
  const rivals = options.rivals && needsRivals && (await installRivals());

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

try {
  const args = process.argv.slice(2);
  // Programs of their own.
  if (args[0] === "versions") await import("./versions/main.ts");
  else if (args[0] === "kept") await import("./kept-bytes.ts");
  else if (args[0] === "soak") await import("./soak.ts");
  else if (args[0] === "size") await import("./size.ts");
  else if (args[0] === "tokenizers") await import("./tokenizers.ts");
  else if (args[0] === "sweep") await import("./sweep.ts");
  else if (args[0] === "pairs") await import("./pairs.ts");
  else if (args.includes("webgpu")) await import("./webgpu/main.ts");
  else {
    const options = parseOptions(args);
    if (options) await bench(options);
    else console.log(usage);
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
