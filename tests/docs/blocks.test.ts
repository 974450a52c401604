// Every block of TypeScript on every page is type checked, all of them in one program, and run, a process for each page.
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundlePrograms, onePrograms, typeErrors, work, writePrograms } from "./block-programs.ts";
import { blocksOf, pages, readPage } from "./pages.ts";

const programs = writePrograms(pages);
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Imports the files one after the other, in a process and a folder of their own. What it wrote to stderr, unless it ended well. */
const runFiles = (files: readonly string[], folder: string): Promise<string> =>
  new Promise((done) => {
    mkdirSync(folder, { recursive: true });
    const program = files.map((file) => `await import(${JSON.stringify(pathToFileURL(file).href)});`).join("\n");
    const options = { cwd: folder, timeout: 110_000, maxBuffer: 1 << 26 };
    const args = ["--enable-source-maps", "--input-type=module", "-e", program];
    execFile(process.execPath, args, options, (error, _stdout, stderr) =>
      done(error ? `${error.message}\n${stderr}` : ""),
    );
  });

it("every package has a README with an example", () => {
  const shown = programs.map(({ page }) => page);
  for (const page of pages.filter((path) => /^packages\/[^/]+\/README\.md$/.test(path))) expect(shown).toContain(page);
});

it("has no block in a language that nothing checks", () => {
  const checked = ["ts", "html", "json", "sh", "text"];
  for (const page of pages)
    for (const { language, line } of blocksOf(readPage(page))) expect(checked, `${page}:${line}`).toContain(language);
});

it("type checks", () => expect(typeErrors(programs)).toEqual([]));

describe("runs", () => {
  beforeAll(() => bundlePrograms(programs));

  // What the one program of a page does is judged by a test of its own.
  const separate = programs.filter(({ page }) => !onePrograms.includes(page));
  it.each(separate)("$page", async ({ page, bundles }) => {
    expect(await runFiles(bundles, join(work, "folders", page))).toBe("");
  });
});
