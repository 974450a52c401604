import type { AdapterDescription } from "@tessera/tensor";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { markdownOf, type Table } from "../table.ts";
import type { PytorchInfo } from "./pytorch-figures.ts";
import type { GpuSection } from "./webgpu-options.ts";

/** Where numbers were measured. */
export interface GpuMachine {
  readonly adapter: AdapterDescription;
  readonly cpu: string;
  readonly threads: number;
  readonly system: string;
  readonly node: string;
}

/** Everything that one run found. */
export interface GpuReport {
  readonly command: string;
  readonly date: string;
  readonly machine: GpuMachine;
  readonly pytorch: PytorchInfo | null;
  readonly rivals: Readonly<Record<string, string>>;
  /** What was left out, and why. */
  readonly remarks: readonly string[];
  readonly sections: readonly { readonly section: GpuSection; readonly tables: readonly Table[] }[];
}

const titles: Readonly<Record<GpuSection, string>> = {
  peak: "What a GPU does at most, on webgpu",
  products: "Dense products on webgpu",
  sparse: "Block-sparse products on webgpu",
  memory: "Memory-bound ops on webgpu",
  steps: "Training steps on webgpu",
  endurance: "Ten thousand training steps on webgpu",
  "tensor-cores": "Tensor cores from WGSL: an exploration",
};

export const describeGpuMachine = (adapter: AdapterDescription): GpuMachine => ({
  adapter,
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  threads: availableParallelism(),
  system: `${process.platform} ${process.arch}`,
  node: process.version,
});

/** The head of a report, a line each. */
export const headLines = ({ machine, pytorch, rivals, remarks }: GpuReport): string[] => {
  const { adapter, cpu, threads, system, node } = machine;
  const features = adapter.features.length > 0 ? `; ${adapter.features.join(", ")}` : "";
  const versions = Object.entries(rivals).map(([name, version]) => `${name} ${version}`);
  return [
    `Adapter: ${[adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(", ")}${features}`,
    `Host: ${cpu}, ${threads} threads, ${system}, Node ${node}`,
    ...(adapter.software ? ["This adapter imitates a GPU on the CPU: these times say nothing about one."] : []),
    ...(pytorch
      ? [
          `Beside PyTorch ${pytorch.torch}, CUDA ${pytorch.cuda}, ${pytorch.gpu}, driver ${pytorch.driver}${pytorch.transformers === null ? "" : `, transformers ${pytorch.transformers}`}`,
        ]
      : []),
    ...(versions.length > 0 ? [`Beside ${versions.join(", ")}`] : []),
    ...remarks,
  ];
};

export const writeGpuJson = (file: string, report: GpuReport): void =>
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);

export const readGpuJson = (file: string): GpuReport => JSON.parse(readFileSync(file, "utf8")) as GpuReport;

/** The sections' tables as docs/generated/webgpu-*.md. Returns the paths. */
export const writeGpuTables = (report: GpuReport): string[] => {
  const folder = fileURLToPath(new URL("../../docs/generated/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  return report.sections.map(({ section, tables }) => {
    const head = [
      `# ${titles[section]}`,
      "",
      `Made by \`${report.command}\` on ${report.date}.`,
      "",
      ...headLines(report).map((line) => `- ${line}`),
      "",
    ];
    const file = `webgpu-${section}.md`;
    writeFileSync(`${folder}${file}`, [...head, ...tables.map(markdownOf)].join("\n"));
    return `docs/generated/${file}`;
  });
};
