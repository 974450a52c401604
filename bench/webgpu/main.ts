// `npm run bench -- webgpu`: how fast we are on a GPU, beside PyTorch and others. See webgpu-options.ts. Bundles to one file.
import { devices, openDevice, setDefaultDevice, type AdapterDescription, type WebgpuBackend } from "@tessera/tensor";
import { UsageError } from "../options.ts";
import { textOf, type Table } from "../table.ts";
import { endurance } from "./endurance.ts";
import { loadGpuRivals } from "./gpu-rivals.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { gpuPaceOf } from "./gpu-timing.ts";
import { measureGpuPeak } from "./measure-gpu-peak.ts";
import { copyJob, memoryBound, memoryJobs } from "./memory-bound.ts";
import { peakTable } from "./peak-table.ts";
import { productJobs, products } from "./products.ts";
import { PytorchFigures } from "./pytorch-figures.ts";
import { productKey, type PytorchJob } from "./pytorch-job.ts";
import { runPytorch } from "./run-pytorch.ts";
import { bsrJobs, sparseJobs, sparseProducts } from "./sparse-products.ts";
import { stepJobs, trainingSteps } from "./training-steps.ts";
import { tensorCoreJobs, tensorCores } from "./tensor-cores.ts";
import { commandOf, gpuUsage, parseGpuOptions, type GpuBenchOptions, type GpuSection } from "./webgpu-options.ts";
import {
  describeGpuMachine,
  headLines,
  readGpuJson,
  writeGpuJson,
  writeGpuTables,
  type GpuReport,
} from "./webgpu-report.ts";

const sections: Readonly<Record<GpuSection, (setting: GpuSetting) => Promise<Table[]>>> = {
  peak: peakTable,
  products,
  sparse: sparseProducts,
  memory: memoryBound,
  steps: trainingSteps,
  endurance,
  "tensor-cores": tensorCores,
};

/** The whole must fit into the ten minutes that one may have on a machine. */
const PYTORCH_SECONDS = 240;

/** Only where somebody watches: the line is overwritten. */
const showProgress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const pytorchJob = ({ only, quick }: GpuBenchOptions): PytorchJob => {
  const wants = (section: GpuSection): boolean => only.includes(section);
  const asked = [
    ...(wants("products") ? productJobs(quick) : []),
    ...(wants("sparse") ? sparseJobs(quick) : []),
    ...(wants("tensor-cores") ? tensorCoreJobs(quick) : []),
  ];
  return {
    ...gpuPaceOf(quick),
    peak: wants("peak"),
    products: [...new Map(asked.map((job) => [productKey(job), { key: productKey(job), ...job }])).values()],
    bsr: wants("sparse") ? bsrJobs(quick) : [],
    memory: [...(wants("peak") ? [copyJob(quick)] : []), ...(wants("memory") ? memoryJobs(quick) : [])],
    steps: wants("steps") ? stepJobs(quick) : [],
  };
};

const findAdapter = async (dawn: readonly string[]): Promise<AdapterDescription> => {
  const found = (await devices({ dawn })).find(({ name }) => name === "webgpu")!;
  if (found.available !== true || !found.adapter) throw new UsageError(`bench: ${found.available}`);
  return found.adapter;
};

const bench = async (options: GpuBenchOptions): Promise<void> => {
  const { quick, only, adapterOptions: dawn } = options;
  const remarks: string[] = [];
  const remark: GpuSetting["remark"] = (text, wrong) => {
    if (wrong) process.exitCode = 1;
    showProgress("");
    console.log(`${text}\n`);
    remarks.push(text);
  };
  const adapter = await findAdapter(dawn);
  const began = performance.now();
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(0);

  // First, while the device is idle.
  showProgress("PyTorch");
  const pytorch =
    options.python === null
      ? new PytorchFigures(null, [])
      : await runPytorch(
          pytorchJob(options),
          { python: options.python, script: options.pytorchFile, seconds: PYTORCH_SECONDS },
          remark,
        );
  const wantsRivals = options.rivals && only.includes("products");
  const rivals = wantsRivals ? await loadGpuRivals({ file: options.rivalsFile, dawn }, remark) : [];

  const done: GpuReport["sections"][number][] = [];
  const report: GpuReport = {
    command: commandOf(options),
    date: new Date().toISOString().slice(0, 10),
    machine: describeGpuMachine(adapter),
    pytorch: pytorch.info,
    rivals: Object.fromEntries(rivals.map(({ name, version }) => [name, version])),
    remarks,
    sections: done,
  };
  const save = (): void => {
    if (options.json !== null) writeGpuJson(options.json, report);
  };
  // At once, so that a file that cannot be written costs no run; then after each section.
  save();
  showProgress("");
  console.log(
    `${report.date}\n${headLines(report).join("\n")}\nPyTorch and the rivals are ready after ${seconds()} s\n`,
  );

  const gpu = (await openDevice("webgpu", { dawn })) as WebgpuBackend;
  setDefaultDevice(gpu);
  const pace = gpuPaceOf(quick);
  const peak = await measureGpuPeak(gpu, quick, pace);
  gpu.trim();
  const setting = { gpu, quick, pace, peak, rivals, pytorch, say: showProgress, remark };
  for (const section of only) {
    try {
      const tables = await sections[section](setting);
      showProgress("");
      for (const table of tables) console.log(textOf(table));
      console.log(`${section} done after ${seconds()} s\n`);
      done.push({ section, tables });
    } catch (error) {
      // The others go on: what the machine's time has bought is not lost to one of them.
      remark(`${section} failed: ${(error as Error).message}`, "wrong");
      console.error((error as Error).stack);
    }
    save();
    gpu.trim();
  }
  gpu.close();
  if (options.write) console.log(`written: ${writeGpuTables(report).join(", ")}`);
};

/** Tables that were measured on another machine. */
const show = (file: string, write: boolean): void => {
  const report = readGpuJson(file);
  if (write && report.command.includes("--quick"))
    throw new UsageError(`bench: --write keeps what a whole run measured; ${file} was made with --quick`);
  console.log(`${report.date}\n${headLines(report).join("\n")}\n`);
  for (const { tables } of report.sections) for (const table of tables) console.log(textOf(table));
  if (write) console.log(`written: ${writeGpuTables(report).join(", ")}`);
};

try {
  const options = parseGpuOptions(process.argv.slice(2));
  if (!options) console.log(gpuUsage);
  else if (options.from !== null) show(options.from, options.write);
  else await bench(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${gpuUsage}`);
  process.exitCode = 2;
}
// Devices of other libraries would keep the process alive.
process.exit();
