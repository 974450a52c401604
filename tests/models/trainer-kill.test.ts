import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { uniforms } from "../support/generate.ts";

const script = fileURLToPath(new URL("train-in-child.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Ended {
  readonly steps: readonly number[];
  readonly hash: string | undefined;
  readonly errors: string;
  /** Whether a checkpoint was half written when the process ended. */
  readonly inWrite: boolean;
}

/** Runs the training; kills it without warning a while after its first step of this process. */
const run = async (folder: string, killAfter?: number): Promise<Ended> => {
  const child = spawn(process.execPath, ["--conditions=@tessera/source", "--import", "tsx", script, folder], { cwd: root });
  let [output, errors] = ["", ""];
  let timer: NodeJS.Timeout | undefined;
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
    if (killAfter !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), killAfter);
  });
  await new Promise((done) => child.once("close", done));
  clearTimeout(timer);
  const files = await readdir(folder);
  return {
    steps: [...output.matchAll(/^step (\d+)$/gm)].map(([, step]) => Number(step)),
    hash: /^hash (\w+)$/m.exec(output)?.[1],
    errors,
    inWrite: files.some((file) => file.endsWith(".tmp")),
  };
};

let path: string;
beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), "tessera-kill-"));
});
afterAll(async () => {
  await rm(path, { recursive: true, force: true });
});

it("a training that is killed again and again, while it saves too, ends with the very same weights", async () => {
  const [whole, parts] = [await mkdtemp(join(path, "whole-")), await mkdtemp(join(path, "parts-"))];
  const undisturbed = await run(whole);
  expect(undisturbed.errors).toBe("");
  expect(undisturbed.steps).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  const uniform = uniforms(17);
  const lives: Ended[] = [];
  for (let kill = 0; kill < 10; kill++) {
    const life = await run(parts, Math.floor(60 * uniform()));
    expect(life.errors).toBe("");
    lives.push(life);
    if (life.hash !== undefined) break;
  }
  const last = lives.at(-1)!.hash === undefined ? await run(parts) : lives.at(-1)!;
  // It was killed in the middle, and it never went back further than to the step before.
  expect(lives.filter(({ hash }) => hash === undefined).length).toBeGreaterThanOrEqual(3);
  expect(last.hash).toBe(undisturbed.hash);
  console.log(lives.map(({ steps, inWrite }) => `${steps[0]}–${steps.at(-1)}${inWrite ? " in a write" : ""}`).join(", "));
}, 120_000);
