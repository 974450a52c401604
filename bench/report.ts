import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Peak } from "@tessera/tensor";
import { machineLine, type Machine } from "./machine.ts";
import type { SectionName } from "./options.ts";
import { digits, markdownOf, percent, type Table } from "./table.ts";

/** Everything that one run found. */
export interface Report {
  readonly command: string;
  readonly date: string;
  readonly machine: Machine;
  readonly peaks: readonly Peak[];
  /** Versions of the libraries that were compared with. */
  readonly rivals: Readonly<Record<string, string>>;
  readonly sections: readonly {
    readonly section: SectionName;
    readonly threads: number;
    readonly tables: readonly Table[];
  }[];
}

const titles: Readonly<Record<SectionName, string>> = {
  dense: "Dense products on the cpu",
  sparse: "Block-sparse products on the cpu",
  "break-even": "Where block-sparse layers are as fast as dense ones on the cpu",
  memory: "Memory-bound ops on the cpu",
  steps: "Training steps on the cpu",
  profile: "Profiles of training steps on the cpu",
  pytorch: "Training steps on the cpu, beside PyTorch",
};

/** What the machine can do, in a line for each number of threads. */
export const peakLines = (peaks: readonly Peak[]): string[] =>
  peaks.map(({ threads, flops, fusedFlops, separateFlops, copy }) => {
    const fused = fusedFlops === null ? "" : `fused ${digits(fusedFlops / 1e9)}, `;
    const speeds = copy.map(
      ({ elements, bytesPerSecond }) => `${digits(bytesPerSecond / 1e9)} (${elements.toLocaleString("en-US")})`,
    );
    return `${threads} ${threads === 1 ? "thread" : "threads"}: ${digits(flops / 1e9)} GFLOP/s in 128-bit vectors (${fused}separate ${digits(separateFlops / 1e9)}); copy GB/s (float32s): ${speeds.join(", ")}`;
  });

/** A line when others used half of the machine or more. */
export const loadWarning = ({ load, threads }: Machine): string | null =>
  load > threads / 2
    ? `The machine was busy before this began: ${load.toFixed(1)} processes wanted its ${threads} threads (${percent(load / threads)}). Read ratios and best windows, not medians.`
    : null;

export const writeJson = (file: string, report: Report): void =>
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);

export const readJson = (file: string): Report => JSON.parse(readFileSync(file, "utf8")) as Report;

/** The sections' tables as docs/generated/cpu-*.md. Returns the paths. */
export const writeTables = (report: Report): string[] => {
  const generated = fileURLToPath(new URL("../docs/generated/", import.meta.url));
  mkdirSync(generated, { recursive: true });
  return [...new Set(report.sections.map(({ section }) => section))].map((section) => {
    const tables = report.sections.filter((one) => one.section === section).flatMap((one) => one.tables);
    const versions = Object.entries(report.rivals).map(([name, version]) => `${name} ${version}`);
    const warning = loadWarning(report.machine);
    const head = [
      `# ${titles[section]}`,
      "",
      `Made by \`${report.command}\` on ${report.date}.`,
      "",
      `- ${machineLine(report.machine)}`,
      ...peakLines(report.peaks).map((line) => `- Peak, ${line}`),
      ...(versions.length > 0 ? [`- Beside ${versions.join(", ")}`] : []),
      ...(warning ? [`- ${warning}`] : []),
      "",
    ];
    const file = `cpu-${section}.md`;
    writeFileSync(`${generated}${file}`, [...head, ...tables.map(markdownOf)].join("\n"));
    return `docs/generated/${file}`;
  });
};
