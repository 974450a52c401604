import { existsSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { runHere } from "./run-here.ts";
import { startTessera, useTemporaryFolder, waitUntil } from "./run-tessera.ts";

const folder = useTemporaryFolder();

test("Ctrl-C saves and ends with 130, and the same weights come out with --resume", { timeout: 120_000 }, async () => {
  const text = folder.path("texts.txt");
  await writeFile(text, Array.from({ length: 200 }, (_, i) => `the ${i % 7} cats and the ${i % 5} dogs`).join("\n"));
  const small = "--hidden 64 --layers 2 --heads 2 --vocab 290 --length 16 --tokens 64000".split(" ");
  const args = (out: string): string[] => ["pretrain", "--text", text, "--out", folder.path(out), ...small];
  const running = startTessera(args("stopped"));
  const log = folder.path("stopped", "training", "log.jsonl");
  await waitUntil(running, () => existsSync(log) && statSync(log).size > 0);
  running.child.kill("SIGINT");
  const { code, err } = await running.ended;
  expect(err).toMatch(/^\nstopping after this step, then saving; Ctrl-C again quits at once\n/);
  expect(err).toMatch(/tessera: stopped at step \d+ of 500 and saved; add --resume to go on\n$/);
  expect(code).toBe(130);

  expect((await runHere([...args("stopped"), "--resume"])).code).toBe(0);
  expect((await runHere(args("whole"))).code).toBe(0);
  const weights = (out: string): Promise<Buffer> => readFile(folder.path(out, "model.safetensors"));
  expect((await weights("stopped")).equals(await weights("whole"))).toBe(true);
});
