// The benchmarks run, check their results, and write what they measured; how fast, nobody asks here.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

interface Report {
  readonly command: string;
  readonly machine: { readonly threads: number; readonly load: number };
  readonly peaks: readonly { readonly threads: number; readonly flops: number }[];
  readonly sections: readonly {
    readonly section: string;
    readonly threads: number;
    readonly tables: readonly {
      readonly title: string;
      readonly header: readonly string[];
      readonly rows: readonly (readonly string[])[];
      readonly records: readonly object[];
    }[];
  }[];
}

const SECTIONS = ["dense", "sparse", "memory"];
const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;
let report: Report;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tessera-bench-"));
  const json = join(folder, "cpu.json");
  const asked = ["cpu", "--quick", "--no-rivals", "--threads", "1", "--only", SECTIONS.join(","), "--json", json];
  const node = ["--conditions=@tessera/source", "--import", "tsx", "bench/main.ts"];
  // Ends with 1 when a result is not what float64 gives.
  await promisify(execFile)(process.execPath, [...node, ...asked], { cwd: root });
  report = JSON.parse(await readFile(json, "utf8")) as Report;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("names its command, its machine and a peak", () => {
  expect(report.command).toContain("npm run bench -- cpu --quick --no-rivals");
  expect(report.machine.threads).toBeGreaterThan(0);
  expect(report.peaks.map(({ threads }) => threads)).toEqual([1]);
  expect(report.peaks[0]!.flops).toBeGreaterThan(0);
});

it("has every section that was asked for, with a record and a full line for each row of its tables", () => {
  expect(report.sections.map(({ section, threads }) => [section, threads])).toEqual(SECTIONS.map((name) => [name, 1]));
  for (const { tables, section } of report.sections) {
    expect(tables.length, section).toBeGreaterThan(0);
    for (const { title, header, rows, records } of tables) {
      expect(records.length, title).toBeGreaterThan(0);
      expect(
        rows.map((row) => row.length),
        title,
      ).toEqual(records.map(() => header.length));
    }
  }
});

it("gives no number that JSON cannot hold", () => {
  const numbers: unknown[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
    else numbers.push(value);
  };
  for (const { tables } of report.sections) for (const { records } of tables) visit(records);
  expect(numbers.length).toBeGreaterThan(100);
  expect(numbers).not.toContain(null);
});
