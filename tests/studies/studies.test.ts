import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { jobsOf } from "../../studies/src/jobs.ts";
import type { Row } from "../../studies/src/measured.ts";
import { full, tiny } from "../../studies/src/scale.ts";
import { studyNames, studyOf } from "../../studies/src/studies.ts";
import { signed, withInterval } from "../../studies/src/summary/tables.ts";
import { useTemporaryFolder } from "../cli/run-tessera.ts";

const folder = useTemporaryFolder();
const root = fileURLToPath(new URL("../..", import.meta.url));

const study = async (...args: string[]): Promise<string> => {
  const program = ["--conditions=@tessera/source", "--import", "tsx", "studies/src/main.ts"];
  const options = ["--tiny", "--folder", folder.path("runs"), "--pages", folder.path("pages")];
  const { stdout } = await promisify(execFile)(process.execPath, [...program, ...args, ...options], { cwd: root });
  return stdout;
};

const rowsOf = async (): Promise<Row[]> => {
  const text = await readFile(folder.path("runs", "rows.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
};

describe.each(studyNames)("study %s", (name) => {
  test.each([
    ["full", full],
    ["tiny", tiny],
  ])("plans each job once, after what it needs: %s", (_, scale) => {
    const jobs = jobsOf([name], scale);
    const before = new Set<string>();
    for (const job of jobs) {
      expect(before).not.toContain(job.name);
      for (const need of job.needs) expect(before).toContain(need);
      before.add(job.name);
      expect(job.seconds).toBeGreaterThan(0);
    }
    expect(jobs.filter((job) => "cell" in job).length).toBeGreaterThanOrEqual(studyOf(name, scale).cells.length);
  });
});

test("two studies run to their end, once, and are summarised beside the prose of their pages", async () => {
  const jobs = jobsOf(["e", "ten"], tiny);
  await study("e", "ten", "--workers", "2", "--gpu", "0", "--minutes", "2");
  const rows = await rowsOf();
  expect(rows.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(new Set(rows.map(({ job }) => job))).toEqual(new Set(jobs.map(({ name }) => name)));

  const again = await study("e", "ten", "--workers", "1", "--gpu", "0");
  expect(again).toContain(`${jobs.length} of ${jobs.length} done`);
  expect(await rowsOf()).toHaveLength(rows.length);

  await study("e", "--summary");
  const page = folder.path("pages", "e.md");
  const written = await readFile(page, "utf8");
  expect(written).toContain(`All ${studyOf("e", tiny).cells.length} cells are there.`);
  const csv = (await readFile(folder.path("pages", "rows", "e.csv"), "utf8")).trimEnd().split("\n");
  expect(csv).toHaveLength(1 + studyOf("e", tiny).cells.length);
  await writeFile(page, written.replace("## Measured", "Prose.\n\n## Measured"));
  await study("e", "--summary");
  expect(await readFile(page, "utf8")).toBe(written.replace("## Measured", "Prose.\n\n## Measured"));
});

test("a difference has its sign and its interval", () => {
  expect(signed(-0.126, 2)).toBe("−0.13");
  expect(signed(0.001, 2)).toBe("0.00");
  expect(withInterval({ mean: 1, low: -0.5, high: 2.5, count: 3 }, 1)).toBe("+1.0 [−0.5, +2.5]");
  expect(withInterval({ mean: 1, low: 1, high: 1, count: 1 }, 1)).toBe("+1.0");
});
