import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runHere } from "./run-here.ts";

let temp: string;
beforeAll(async () => {
  temp = await mkdtemp(join(tmpdir(), "tessera-new-"));
});
afterAll(() => rm(temp, { recursive: true }));

test("new writes a project of the folder's name", async () => {
  const folder = join(temp, "my-run");
  const { code, out } = await runHere(["new", folder, "--json"]);
  expect(code).toBe(0);
  const { name, files } = JSON.parse(out) as { name: string; files: string[] };
  expect(name).toBe("my-run");
  for (const file of files) expect(await readFile(join(folder, file), "utf8"), file).not.toBe("");
  expect((await readdir(folder)).sort()).toEqual([
    ".gitignore",
    "README.md",
    "data",
    "package.json",
    "src",
    "tsconfig.json",
  ]);
  expect(JSON.parse(await readFile(join(folder, "package.json"), "utf8"))).toMatchObject({ name: "my-run" });
  expect(await readFile(join(folder, "README.md"), "utf8")).toMatch(/^# my-run\n/);
});

test("new writes into an empty folder, and never over files", async () => {
  const folder = join(temp, "kept");
  expect((await runHere(["new", folder])).code).toBe(0);
  const own = "// mine\n";
  await writeFile(join(folder, "src/train.ts"), own);
  const { code, err } = await runHere(["new", folder]);
  expect(code).toBe(1);
  expect(err).toContain(`new: expected a folder that is empty or not there, got ${folder} with .gitignore, README.md`);
  expect(await readFile(join(folder, "src/train.ts"), "utf8")).toBe(own);
});

test.each(["My Run", "-run", "ÄÖ", "x".repeat(300)])("new refuses the name %s before it writes", async (name) => {
  const before = await readdir(temp);
  const { code, err } = await runHere(["new", "--", join(temp, name)]);
  expect(code).toBe(2);
  expect(err).toContain("new: expected a name of lower-case letters, digits, dots, hyphens and underscores, got");
  expect(await readdir(temp)).toEqual(before);
});

test("new says what is in the way", async () => {
  await writeFile(join(temp, "file"), "");
  for (const path of ["file", "file/below"]) {
    const { code, err } = await runHere(["new", join(temp, path)]);
    expect(code).toBe(1);
    expect(err).toContain("ENOTDIR (a part of the path is a file); give another name");
  }
});
