import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "@tessera/models/data";
import { describe, expect, test } from "vitest";
import { startTessera, useTemporaryFolder, runTessera, waitUntil, type Running } from "./run-tessera.ts";

const folder = useTemporaryFolder();

/** A demo of the real data and the real phases, with hardly any training. */
const tiny = (out: string): string[] => ["demo", "--out", out, "--tokens", "20000", "--finetune-steps", "12"];

interface DemoResult {
  accuracy: Record<"naiveBayes" | "scratch" | "dense" | "sparse", number>;
  sha256: Record<"pretrained" | "scratch" | "dense" | "sparse", string>;
  report: string;
}

const hash = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

const kill = async (running: Running): Promise<void> => {
  running.child.kill("SIGKILL");
  await running.ended;
};

describe("demo", () => {
  let result: DemoResult;

  test("goes all the way, and says how far it is in plain lines", { timeout: 180_000 }, async () => {
    const out = folder.path("whole");
    const { code, out: said, err } = await runTessera(tiny(out));
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(said).not.toContain("\u001b");
    for (const title of ["data", "tokenizer", "naive Bayes", "pre-training", "patching", "from scratch", "report"]) {
      expect(said).toMatch(new RegExp(`^✓ ${title} `, "m"));
    }
    expect(said).toContain("3,000 to test on");
    expect(said).toContain(`Report: ${folder.path("whole", "report.html")}`);
    expect(said.match(/npm run tessera -- /g)).toHaveLength(2);
    const report = await readFile(folder.path("whole", "report.html"), "utf8");
    expect(report.match(/<figure class="mosaic">/g)).toHaveLength(6);
  });

  test("prints its result again when it is finished, as JSON too", { timeout: 60_000 }, async () => {
    const { code, out: said } = await runTessera([...tiny(folder.path("whole")), "--json"]);
    expect(code).toBe(0);
    result = JSON.parse(said) as DemoResult;
    expect(said).toBe(`${JSON.stringify(result)}\n`);
    for (const accuracy of Object.values(result.accuracy)) expect(accuracy).toBeGreaterThan(0.1);
    for (const [name, sha256] of Object.entries(result.sha256)) {
      expect(await hash(folder.path("whole", "models", name, "model.safetensors"))).toBe(sha256);
    }
  });

  test("goes on under the same settings alone", { timeout: 60_000 }, async () => {
    const { code, err } = await runTessera([...tiny(folder.path("whole")), "--seed", "5"]);
    expect(code).toBe(1);
    expect(err).toContain("expected a run with seed 5, got one with seed 0; start over with --fresh");
  });

  test("WordNet's licence lies beside every model", async () => {
    for (const name of readdirSync(folder.path("whole", "models"))) {
      const notice = await readFile(folder.path("whole", "models", name, "LICENSE-WordNet"), "utf8");
      expect(notice).toContain("Princeton University");
    }
  });

  test("killed again and again, it ends with the same weights", { timeout: 300_000 }, async () => {
    const out = folder.path("killed");
    const random = new SeededRandom(7, "kills");
    const training = (name: string): string => folder.path("killed", "training", name);
    /** Files that are being written, and are not yet in their place. */
    const partial = (name: string): number =>
      existsSync(training(name)) ? readdirSync(training(name)).filter((file) => file.endsWith(".tmp")).length : 0;
    /** A moment of the run, and how many milliseconds later to kill, at most. */
    const moments: [what: string, holds: (running: Running) => boolean, delay: number][] = [
      ["while the tokenizer is learned", ({ out: said }) => said().includes("✓ data"), 400],
      ["between two phases", ({ out: said }) => said().includes("✓ naive Bayes"), 20],
      ["in the middle of pre-training", () => existsSync(training("pretraining")), 400],
      ["while a checkpoint is written", () => partial("pretraining") > 0, 0],
      ["between pre-training and patching", ({ out: said }) => said().includes("✓ pre-training"), 20],
      ["in the first fine-tuning", () => existsSync(training("scratch")), 200],
      ["while the second saves", () => partial("dense") > 0, 0],
      ["in the third", ({ out: said }) => said().includes("✓ pre-trained "), 400],
      ["in the new process", ({ out: said }) => said().includes("✓ pre-trained, sparse"), 400],
      ["before the report", ({ out: said }) => said().includes("✓ speed"), 20],
    ];
    let midway = 0;
    for (const [what, holds, delay] of moments) {
      const running = startTessera(tiny(out));
      await waitUntil(running, () => holds(running));
      if (delay > 0) await sleep(random.nextInt(delay));
      expect(running.child.exitCode, what).toBeNull();
      await kill(running);
      if (delay === 0) midway += partial("pretraining") + partial("dense");
    }
    // A kill came after the first byte of a checkpoint, and before it was in its place.
    expect(midway).toBeGreaterThan(0);
    const { code, out: said, err } = await runTessera([...tiny(out), "--json"]);
    expect(err).toBe("");
    expect(code).toBe(0);
    expect((JSON.parse(said) as DemoResult).sha256).toEqual(result.sha256);
  });
});
