import { readFile, rm, writeFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { runHere } from "./run-here.ts";
import { useTemporaryFolder } from "./run-tessera.ts";

const folder = useTemporaryFolder();
const path = folder.path;

const json = async <T = Record<string, unknown>>(...args: string[]): Promise<T> => {
  const { code, out, err } = await runHere([...args, "--json"]);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as T;
};

interface Info {
  layouts: { name: string; blocks: number; blockSize: number; rows: number }[];
}

const read = (...parts: string[]): Promise<string> => readFile(path(...parts), "utf8");

const nouns = { animal: ["bird", "cat", "fish", "horse", "snake"], tool: ["hammer", "saw", "wrench", "drill", "axe"] };

beforeAll(async () => {
  const lines = ["a small", "an old", "one red", "the large"].flatMap((adjective) =>
    Object.entries(nouns).flatMap(([label, names]) => names.map((noun) => [label, `${adjective} ${noun}`] as const)),
  );
  const corpus = Array.from({ length: 8 }, () => lines.map(([, text]) => text)).flat();
  await writeFile(path("texts.txt"), corpus.join("\n"));
  const labelled = (part: typeof lines): string => part.map(([label, text]) => `${label}\t${text}\n`).join("");
  await writeFile(path("train.tsv"), labelled(lines.slice(0, 30)));
  await writeFile(path("test.tsv"), labelled(lines.slice(30)));
});

/** A model of a few thousand weights. */
const small = "--hidden 32 --layers 1 --heads 2 --vocab 280 --length 16".split(" ");

describe("sparse trainings", { timeout: 120_000 }, () => {
  const pretrain = (out: string, ...more: string[]): Promise<Record<string, unknown>> =>
    json("pretrain", "--text", path("texts.txt"), "--out", path(out), ...small, "--tokens", "2560", ...more);
  const finetune = (out: string, ...more: string[]): Promise<Record<string, number>> => {
    const files = ["--train", path("train.tsv"), "--test", path("test.tsv")];
    return json("finetune", path("pre"), ...files, "--out", path(out), "--steps", "30", "--lr", "0.003", ...more);
  };
  const densities = async (out: string): Promise<Record<string, number>> => {
    const { layouts } = await json<Info>("info", path(out));
    // Of 32 × 128 or 32 × 32 weights in blocks of 8.
    const places = ({ name }: { name: string }): number => (name.includes("attention") ? 16 : 64);
    return Object.fromEntries(layouts.map((layer) => [layer.name, layer.blocks / places(layer)]));
  };

  test("pretrain with RigL keeps the density and moves blocks, and writes what others read", async () => {
    await pretrain("pre");
    await pretrain(
      "rigl",
      "--sparse",
      "density=0.5",
      "--dynamic",
      "rigl",
      "--sparsity-every",
      "5",
      "--eval-every",
      "10",
    );
    expect(new Set(Object.values(await densities("rigl")))).toEqual(new Set([0.5]));
    const log = (await read("rigl", "training", "log.jsonl"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; callback?: string; grown?: number });
    const moves = log.filter(({ event }) => event === "sparsity");
    expect(moves.length).toBeGreaterThan(1);
    expect(moves[0]).toMatchObject({ callback: "rigl" });
    expect(moves[0]!.grown).toBeGreaterThan(0);
    expect(log.filter(({ event }) => event === "eval")).toHaveLength(2);

    const card = await read("rigl", "README.md");
    expect(card).toContain("3 block-sparse layers, blocks by magnitude, from the first step, moved by rigl");
    expect(card).toContain("--dynamic rigl");
    const state = JSON.parse(await read("rigl", "trainer_state.json")) as { global_step: number; eval_steps: number };
    expect(state).toMatchObject({ global_step: 5 * 4, eval_steps: 10 });
    expect((await readFile(path("rigl", "tensorboard", "events.out.tfevents.tessera"))).length).toBeGreaterThan(1000);
    expect(await read("rigl", "log.csv")).toContain("train/loss");
    const page = await read("rigl", "report.html");
    for (const text of ["Training loss", "Validation loss", "Density of the sparse layers", ", before", ", after"])
      expect(page).toContain(text);
    expect(page).not.toMatch(/NaN|undefined/);
  });

  test("gradual pruning by a criterion with gradients ends at its density, with a teacher, and resumes by --resume alone", async () => {
    await finetune("dense");
    const options = ["--sparse", "pattern=.*(intermediate|output).dense,density=0.25,block=8", "--criterion", "taylor"];
    const schedule = ["--sparsity-schedule", "cubic", "--sparsity-scope", "global", "--criterion-batches", "2"];
    const extras = ["--distil", path("dense"), "--keep-best", "--eval-every", "10"];
    const found = await finetune("gradual", ...options, ...schedule, ...extras);
    const layouts = await json<Info>("info", path("gradual"));
    const blocks = layouts.layouts.reduce((total, layer) => total + layer.blocks, 0);
    expect(blocks).toBe(0.25 * (64 + 64 + 16));
    const before = JSON.parse(await read("gradual", "training", "blocks-before.json")) as { norms: number[] }[];
    expect(before.reduce((total, { norms }) => total + norms.length, 0)).toBe(64 + 64 + 16);

    // The last phase is forgotten, and so are the weights: the checkpoint and the command line are enough.
    const state = JSON.parse(await read("gradual", "state.json")) as { phases: object; commandLine: string[] };
    const weights = await readFile(path("gradual", "model.safetensors"));
    await writeFile(path("gradual", "state.json"), JSON.stringify({ ...state, phases: {} }));
    await rm(path("gradual", "model.safetensors"));
    const again = await json<Record<string, number>>("finetune", "--resume", "--out", path("gradual"));
    const { seconds: _, ...numbers } = found;
    const { seconds: __, ...resumed } = again;
    expect(resumed).toEqual(numbers);
    expect(weights.equals(await readFile(path("gradual", "model.safetensors")))).toBe(true);
    expect((await runHere(["finetune", "--resume", "--out", path("gradual"), "--lr", "0.1"])).err).toContain(
      "expected a run with lr 0.1, got one with lr 0.003",
    );
  });

  test("a movement pruning that is stopped on the way goes on by --resume alone, to the same bits", async () => {
    const sparse = ["--sparse", "density=0.25", "--dynamic", "movement", "--sparsity-every", "2", "--steps", "150"];
    const extras = ["--eval-every", "10", "--keep-best", "--early-stopping", "50", "--distil", path("dense")];
    const whole = await finetune("whole", ...sparse, ...extras);
    const files = ["--train", path("train.tsv"), "--test", path("test.tsv"), "--lr", "0.003"];
    const running = runHere(["finetune", path("pre"), ...files, "--out", path("halved"), ...sparse, ...extras]);
    const log = (): Promise<string> => read("halved", "training", "log.jsonl").catch(() => "");
    while (!(await log()).includes("sparsity")) await sleep(2);
    process.emit("SIGINT");
    const { code, err } = await running;
    expect(code).toBe(130);
    expect(err).toMatch(/stopped at step \d+ of 150 and saved; add --resume to go on/);
    expect(await read("halved", "report.html")).toContain("The run is not finished.");
    const { accuracy, loss, parameters } = whole;
    expect(await json("finetune", "--resume", "--out", path("halved"))).toMatchObject({ accuracy, loss, parameters });
    const weights = (name: string): Promise<Buffer> => readFile(path(name, "model.safetensors"));
    expect((await weights("halved")).equals(await weights("whole"))).toBe(true);
  });

  test("a run that an older version began goes on with its options repeated, and then without", async () => {
    const state = JSON.parse(await read("dense", "state.json")) as { commandLine?: string[] };
    delete state.commandLine;
    await writeFile(path("dense", "state.json"), JSON.stringify(state));
    expect((await runHere(["finetune", "--resume", "--out", path("dense")])).err).toContain(
      "finetune: expected the folder of a model",
    );
    const found = await finetune("dense", "--resume");
    expect(await json("finetune", "--resume", "--out", path("dense"))).toEqual(found);
  });

  test("movement pruning ends at its density; early stopping says why", async () => {
    await finetune("movement", "--sparse", "density=0.5", "--dynamic", "movement", "--sparsity-every", "2");
    expect(new Set(Object.values(await densities("movement")))).toEqual(new Set([0.5]));
    const stopped = await finetune("stopped", "--lr", "0.1", "--early-stopping", "1", "--eval-every", "1");
    expect(stopped["stopReason"]).toMatch(/^loss was not better than/);
    expect(await read("stopped", "report.html")).toContain("Ended early: loss was not better than");
  });

  test("unpatch makes a model that computes the same", async () => {
    const { parameters } = await json<{ parameters: { after: number } }>(
      "unpatch",
      path("gradual"),
      "--out",
      path("unpatched"),
    );
    const dense = await json<Record<string, number>>("evaluate", path("unpatched"), "--test", path("test.tsv"));
    const sparse = await json<Record<string, number>>("evaluate", path("gradual"), "--test", path("test.tsv"));
    expect(dense["parameters"]).toBe(parameters.after);
    expect(dense["loss"]).toBeCloseTo(sparse["loss"]!, 5);
    expect(await read("unpatched", "README.md")).toContain("Sparsity: none");
  });

  test("export writes a file of the model, with sparse weights dense or sparse", async () => {
    const bytesOf = async (folder: string, ...more: string[]): Promise<number> => {
      const { file, bytes } = await json<{ file: string; bytes: number }>(
        "export",
        path("gradual"),
        "--out",
        path(folder),
        ...more,
      );
      expect((await stat(file)).size).toBe(bytes);
      return bytes;
    };
    const [dense, sparse] = [await bytesOf("onnx"), await bytesOf("onnx-sparse", "--sparse-initializers")];
    expect(dense).not.toBe(sparse);
  });

  test("compare puts seeds of one kind together, and report draws a run", async () => {
    await finetune("dense1", "--seed", "1");
    const runs = ["dense", "dense1", "gradual"].map((name) => path(name));
    const { out } = await runHere(["compare", ...runs, "--out", path("compared")]);
    // Two seeds of the dense kind have an interval, the one of the sparse kind none.
    expect(out).toMatch(/ 2 {2}\d\.\d{4} ± \d/);
    expect(out).toMatch(/keepBest true +1 +\d\.\d{4} +\d/);
    const csv = await read("compared", "runs.csv");
    expect(csv.trim().split("\r\n")).toHaveLength(4);
    const page = await read("compared", "report.html");
    expect(page).toContain("Accuracy against parameters");
    expect(page).not.toMatch(/NaN|undefined/);
    const shown = await runHere(["report", path("gradual"), "--out", path("shown")]);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain("accuracy:");
    expect(await read("shown", "figures", "training-loss.svg")).toMatch(/^<svg[^>]* xmlns=/);
  });
});
