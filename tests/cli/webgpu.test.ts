// Every command that computes, on the GPU: in this process, where a device is opened once.
import { writeFile } from "node:fs/promises";
import { devices as devicesHere, setDefaultDevice } from "@tessera/tensor";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { gpu, skippedWithoutGpu } from "../support/devices.ts";
import { runHere } from "./run-here.ts";
import { useTemporaryFolder, runTessera } from "./run-tessera.ts";

const { path } = useTemporaryFolder();
afterEach(() => setDefaultDevice("cpu"));

test.runIf(process.platform === "linux")(
  "without an adapter --device webgpu is a usage error that says why",
  async () => {
    const nowhere = "/nowhere/icd.json";
    const env = { VK_ICD_FILENAMES: nowhere, VK_DRIVER_FILES: nowhere };
    const { code, out, err } = await runTessera(["profile", "--device", "webgpu"], { env });
    expect(err).toMatch(/(^|\n)tessera: --device: webgpu: no adapter was found; install a Vulkan driver [^\n]*\n$/);
    expect(out).toBe("");
    expect(code).toBe(2);
  },
);

skippedWithoutGpu("the commands on webgpu");
describe.runIf(gpu)("on webgpu", () => {
  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, out, err } = await runHere([...args, "--json"]);
    expect(err).toBe("");
    expect(code).toBe(0);
    return JSON.parse(out) as T;
  };
  const onGpu = <T>(...args: string[]): Promise<T> => json<T>(...args, "--device", "webgpu");

  beforeAll(async () => {
    await writeFile(
      path("texts.txt"),
      Array.from({ length: 120 }, (_, i) => `a small cat and ${i % 7} old birds`).join("\n"),
    );
    await writeFile(
      path("labelled.tsv"),
      "animal\ta small cat\ntool\tan old saw\nanimal\ta bird\ntool\ta small drill\n",
    );
  });

  test("pretrain, patch, finetune, evaluate, fill-mask and sensitivity do what they do on the cpu", async () => {
    const small = "--hidden 16 --layers 1 --heads 2 --vocab 270 --length 12".split(" ");
    const trainedArgs = [
      "pretrain",
      "--text",
      path("texts.txt"),
      ...small,
      "--tokens",
      "768",
      "--out",
      path("pretrained"),
    ];
    const trained = await onGpu<{ model: string; loss: number }>(...trainedArgs);
    expect(trained.loss).toBeGreaterThan(0);
    const patchedArgs = ["patch", trained.model, "--density", "0.5", "--block-size", "8", "--out", path("patched")];
    const patched = await onGpu<{ model: string; layers: readonly unknown[] }>(...patchedArgs);
    expect(patched.layers.length).toBeGreaterThan(0);
    const labelled = ["--train", path("labelled.tsv"), "--test", path("labelled.tsv")];
    const tunedArgs = ["finetune", patched.model, ...labelled, "--steps", "3", "--out", path("tuned")];
    const tuned = await onGpu<{ model: string }>(...tunedArgs);
    interface Score {
      readonly accuracy: number;
      readonly loss: number;
    }
    const evaluate = ["evaluate", tuned.model, "--test", path("labelled.tsv")];
    const [there, here] = [await onGpu<Score>(...evaluate), await json<Score>(...evaluate)];
    expect(there.accuracy).toBe(here.accuracy);
    expect(there.loss).toBeCloseTo(here.loss, 4);
    const fill = ["fill-mask", trained.model, "a small <mask> and 3 old birds"];
    const { fills } = await onGpu<{ fills: readonly { probability: number }[] }>(...fill);
    expect(fills).toHaveLength(5);
    for (const { probability } of fills) expect(probability).toBeGreaterThan(0);
    const sweptArgs = [
      "sensitivity",
      tuned.model,
      "--test",
      path("labelled.tsv"),
      "--densities",
      "0.5",
      "--out",
      path("swept"),
    ];
    const { rows } = await onGpu<{ rows: readonly { density: number; loss: number }[] }>(...sweptArgs);
    const cells = rows.slice(1);
    expect(cells.length).toBeGreaterThan(0);
    for (const { density, loss } of cells) expect([density, Number.isFinite(loss)]).toEqual([0.5, true]);
  });

  test("--device auto takes a hardware GPU, or else the cpu", async () => {
    const { software } = (await devicesHere())[2]!.adapter!;
    const small = "--layers 1 --hidden 16 --heads 2 --vocab 64 --batch-size 2 --length 8 --steps 1".split(" ");
    const { device } = await json<{ device: string }>("profile", ...small, "--device", "auto");
    expect(device).toBe(software ? "cpu" : "webgpu");
  });
});
