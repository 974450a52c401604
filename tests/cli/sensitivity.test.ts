import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { runHere } from "./run-here.ts";
import { runTessera, startTessera, useTemporaryFolder, waitUntil } from "./run-tessera.ts";

const { path } = useTemporaryFolder();

interface Row {
  cell: string;
  mode: string;
  group: string;
  density: number;
  criterion: string;
  seed: number;
  loss?: number;
  parameters: number;
  forwardMs?: number;
  denseStepMs?: number;
}

const json = async <T>(...args: string[]): Promise<T> => {
  const { code, out, err } = await runHere([...args, "--json"]);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as T;
};

const failure = async (...args: string[]): Promise<string> => {
  const { code, err } = await runHere(args);
  expect(code).toBeGreaterThan(0);
  return err;
};

const nouns = { animal: ["bird", "cat", "fish", "horse"], tool: ["hammer", "saw", "wrench", "drill"] };

beforeAll(async () => {
  const labelled = ["a small", "an old", "a red"].flatMap((adjective) =>
    Object.entries(nouns).flatMap(([label, list]) => list.map((noun) => `${label}\t${adjective} ${noun}`)),
  );
  writeFileSync(path("texts.tsv"), `${labelled.join("\n")}\n`);
  writeFileSync(path("texts.txt"), `${labelled.map((line) => line.split("\t")[1]!).join("\n")}\n`.repeat(8));
  const small = "--hidden 16 --layers 2 --heads 2 --vocab 270 --length 12 --tokens 2000".split(" ");
  await json("pretrain", "--text", path("texts.txt"), ...small, "--out", path("pre"));
  const files = ["--train", path("texts.tsv"), "--test", path("texts.tsv")];
  await json("finetune", path("pre"), ...files, "--steps", "30", "--lr", "0.003", "--out", path("fine"));
}, 60_000);

const files = (): string[] => ["--train", path("texts.tsv"), "--test", path("texts.tsv"), "--block-size", "4"];
const sweep = (...more: string[]): string[] => ["sensitivity", path("fine"), ...files(), ...more];
const plan = ["--layers", "intermediate|output.dense", "--densities", "0.5,0.25", "--criterion", "magnitude,random"];
const rowsOf = (folder: string): Row[] =>
  readFileSync(path(folder, "rows.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
const byCell = (rows: Row[]): Row[] => rows.toSorted((a, b) => (a.cell < b.cell ? -1 : 1));

describe("one sweep", { timeout: 120_000 }, () => {
  test("of two criteria and two seeds has a row for each cell, and lists them beforehand", async () => {
    const dry = await json<{ cells: number; left: number; names: string[]; seconds: number; notes: string[] }>(
      ...sweep(...plan, "--seeds", "0,1", "--dry-run", "--out", path("whole")),
    );
    expect(readdirSync(path())).not.toContain("whole");
    const { rows } = await json<{ rows: Row[] }>(...sweep(...plan, "--seeds", "0,1", "--out", path("whole")));
    // 6 layers, 2 densities: magnitude once, random from 2 seeds, and the dense model.
    expect(rows).toHaveLength(1 + 6 * 2 * 3);
    expect(dry.names).toEqual(rows.map(({ cell }) => cell));
    expect([dry.cells, dry.left]).toEqual([37, 37]);
    expect(dry.seconds).toBeGreaterThan(0);
    expect(dry.notes[0]).toContain("magnitude does not draw");
    const { out } = await runHere(sweep(...plan, "--seeds", "0,1", "--out", path("whole")));
    expect(out).toMatch(/^dense: loss \d\.\d{4}, accuracy \d+\.\d %; ± is half/);
    expect(out).toMatch(/Loss added: random\nlayer +0\.5 +0\.25\n0 attention/);
    expect(out).toMatch(/Accuracy lost, points: magnitude\nlayer +0\.5 +0\.25\n/);
    expect(out).toMatch(/[+−]0\.\d{3} ±0\.\d{3}/);
  });

  test("in three shards and merged is the undisturbed one, to the byte", async () => {
    for (const i of [1, 2, 3])
      await json(...sweep(...plan, "--seeds", "0,1", "--shard", `${i}/3`, "--out", path("parts")));
    const { out } = await runHere(sweep(...plan, "--seeds", "0,1", "--shard", "2/3", "--out", path("parts")));
    expect(out).toMatch(/^dense: not measured here; below, the loss itself\n\nLoss: \w+\nlayer .*\n.* \d\.\d{4}/);
    await json("merge", path("parts"), "--out", path("merged"));
    expect(readFileSync(path("merged", "rows.jsonl"), "utf8")).toBe(readFileSync(path("whole", "rows.jsonl"), "utf8"));
    // What is merged is not measured again.
    const again = await json<{ rows: Row[] }>(...sweep(...plan, "--seeds", "0,1", "--out", path("merged")));
    expect(again.rows).toEqual(rowsOf("whole"));
  });

  test("by two workers is the undisturbed one, though one is killed midway with its parent", async () => {
    const args = sweep(...plan, "--seeds", "0,1", "--workers", "2", "--threads", "1", "--out", path("shared"));
    const running = startTessera(args);
    const measured = (): number => {
      try {
        return rowsOf("shared").length;
      } catch {
        return 0;
      }
    };
    await waitUntil(running, () => measured() >= 3);
    running.child.kill("SIGKILL");
    await running.ended;
    const before = measured();
    expect(before).toBeGreaterThanOrEqual(3);
    const { code, err } = await runTessera(args);
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(byCell(rowsOf("shared"))).toEqual(byCell(rowsOf("whole")));
  });

  test("takes times at the end, judges by gradients, and recovers", async () => {
    const args = ["--layers", "intermediate", "--densities", "0.5", "--criterion", "fisher", "--times"];
    const more = ["--groups", "kind", "--mode", "leave-one-out,cumulative", "--recovery-steps", "2", "--seeds", "0,1"];
    const { rows } = await json<{ rows: Row[] }>(...sweep(...args, ...more, "--out", path("timed")));
    expect(rows.map(({ mode, seed }) => `${mode} ${seed}`)).toEqual([
      "dense 0",
      "dense 1",
      "leave-one-out 0",
      "leave-one-out 1",
      "cumulative 0",
      "cumulative 1",
    ]);
    for (const row of rows.slice(2)) expect([row.forwardMs! > 0, row.denseStepMs! > 0]).toEqual([true, true]);
  });
});

describe("allocate", { timeout: 60_000 }, () => {
  interface Found {
    method: string;
    dense: { parameters: number };
    expected: { loss: number; parameters: number };
    measured?: { loss: number; parameters: number };
    path: string;
  }
  const args = (): string[] => ["allocate", path("whole"), "--criterion", "magnitude", "--out", path("allocated")];

  test("writes patterns that patch takes, and prints expected beside measured", async () => {
    const found = await json<Found>(...args(), "--parameters", "85%", "--measure");
    expect(found.expected.parameters).toBeLessThanOrEqual(0.85 * found.dense.parameters);
    expect(found.measured!.parameters).toBe(found.expected.parameters);
    expect(found.measured!.loss).toBeGreaterThan(0);
    const patched = await json<{ parameters: { after: number }; model: string }>(
      "patch",
      path("fine"),
      "--patterns",
      found.path,
      "--out",
      path("patched"),
    );
    expect(patched.parameters.after).toBe(found.expected.parameters);
    const evaluated = await json<{ loss: number }>("evaluate", patched.model, "--test", path("texts.tsv"));
    expect(evaluated.loss).toBeCloseTo(found.measured!.loss, 5);
    const { out } = await runHere([...args(), "--parameters", "85%", "--measure"]);
    expect(out).toMatch(/dense .*\nexpected .*\nmeasured /);
  });

  test("writes patterns that finetune takes, at once or with a schedule, and that its resumption needs no word of", async () => {
    const { path: file } = await json<Found>(...args(), "--parameters", "85%");
    const { patterns } = JSON.parse(readFileSync(file, "utf8")) as {
      patterns: { layers: string[]; density: number; blockSize: number }[];
    };
    const wanted = new Map(patterns.flatMap(({ layers, density }) => layers.map((name) => [name, density] as const)));
    for (const [out, ...more] of [["at-once"], ["slowly", "--sparsity-schedule", "linear", "--sparsity-every", "2"]]) {
      const run = ["--out", path(out!)];
      const texts = ["--train", path("texts.tsv"), "--test", path("texts.tsv"), "--steps", "20"];
      const found = await json<{ loss: number }>(
        "finetune",
        path("fine"),
        ...texts,
        "--patterns",
        file,
        ...more,
        ...run,
      );
      const { layouts } = await json<{ layouts: { name: string; blocks: number }[] }>("info", path(out!));
      expect(layouts.map(({ name }) => name).toSorted()).toEqual([...wanted.keys()].toSorted());
      for (const { name, blocks } of layouts)
        expect(Math.abs(blocks / (name.includes("attention") ? 16 : 64) - wanted.get(name)!)).toBeLessThan(0.04);
      expect(readFileSync(path(out!, "README.md"), "utf8")).toContain("blocks by magnitude");
      expect((await json<{ loss: number }>("finetune", "--resume", ...run)).loss).toBe(found.loss);
    }
    writeFileSync(file, JSON.stringify({ patterns: [{ ...patterns[0], density: 0.75 }] }));
    expect(await failure("finetune", "--resume", "--out", path("at-once"))).toContain("expected --patterns");
    writeFileSync(file, "{}");
    expect(await failure("finetune", path("fine"), "--patterns", file, "--out", path("never"))).toContain(
      "patterns: expected patterns to be an array of at least one",
    );
    expect(
      await failure("finetune", path("fine"), "--patterns", file, "--sparse", "density=0.5", "--out", path("never")),
    ).toContain("cannot be used with option");
  });

  test("evolution is at least as good as what it begins with", async () => {
    const start = await json<Found>(...args(), "--parameters", "80%", "--measure");
    const evolved = await json<Found & { loss: number }>(
      ...args(),
      "--parameters",
      "80%",
      "--method",
      "evolutionary",
      "--generations",
      "2",
      "--offspring",
      "2",
    );
    expect(evolved.loss).toBeLessThanOrEqual(start.measured!.loss);
  });

  test("refuses a budget out of reach, a folder without rows, and a model that changed", async () => {
    expect(await failure(...args(), "--parameters", "1%")).toContain(
      "expected parameters that the measured densities reach",
    );
    expect(await failure(...args())).toContain("expected one of --parameters, --step-time or --accuracy-drop");
    expect(await failure("allocate", path("pre"), "--parameters", "80%")).toContain(
      "expected a folder that sensitivity wrote",
    );
    expect(await failure("allocate", path("whole"), "--parameters", "80%")).toContain(
      "expected rows of one criterion, got magnitude, random",
    );
    expect(await failure(...args(), "--step-time", "80%")).toContain("expected rows with step times");
  });
});

test("patch judges blocks by what texts say of them", { timeout: 60_000 }, async () => {
  const patch = (out: string, ...more: string[]): string[] => [
    "patch",
    path("fine"),
    "--density",
    "0.5",
    "--block-size",
    "4",
    "--out",
    path(out),
    ...more,
  ];
  const kept = (out: string): Buffer => readFileSync(path(out, "model.safetensors"));
  await json(...patch("by-magnitude"));
  await json(...patch("by-fisher", "--criterion", "fisher", "--train", path("texts.tsv"), "--criterion-batches", "2"));
  await json(...patch("by-fisher2", "--criterion", "fisher", "--train", path("texts.tsv"), "--criterion-batches", "2"));
  expect(kept("by-fisher").equals(kept("by-fisher2"))).toBe(true);
  expect(kept("by-fisher").equals(kept("by-magnitude"))).toBe(false);
  expect(readFileSync(path("by-fisher", "README.md"), "utf8")).toContain("blocks by fisher");
  // A masked language model has texts without labels.
  const text = ["--criterion", "activationWeighted", "--text", path("texts.txt")];
  await json("patch", path("pre"), "--density", "0.5", "--block-size", "4", ...text, "--out", path("by-activations"));
  expect(await failure(...patch("never", "--criterion", "taylor"))).toContain(
    "--train: expected texts that taylor judges blocks by, got none",
  );
  expect(await failure(...patch("never", "--criterion", "taylor", "--text", path("texts.txt")))).toContain(
    "--text: expected --train for a classifier",
  );
  expect(await failure(...patch("never", "--train", path("texts.tsv")))).toContain(
    "--train: expected a --criterion that looks at texts beside it",
  );
});

test("a sweep goes on by --resume and its folder alone", { timeout: 60_000 }, async () => {
  const { rows } = await json<{ rows: Row[] }>(
    ...sweep("--layers", "0.intermediate", "--densities", "0.5,0.25", "--seeds", "3", "--out", path("resumed")),
  );
  const lines = readFileSync(path("resumed", "rows.jsonl"), "utf8").trim().split("\n");
  writeFileSync(path("resumed", "rows.jsonl"), `${lines.slice(0, 2).join("\n")}\n`);
  expect((await json<{ rows: Row[] }>("sensitivity", "--resume", "--out", path("resumed"))).rows).toEqual(rows);
  expect(await failure("sensitivity", "--resume", "--out", path("nowhere"))).toContain(
    "sensitivity: expected the folder of a model, got none",
  );
});

describe("what is wrong is said by name", { timeout: 60_000 }, () => {
  test.each([
    [["--densities", "0.5,0"], "Expected a number above 0 and at most 1"],
    [["--densities", "1.5"], "Expected a number above 0 and at most 1"],
    [["--criterion", "magnitud"], "got magnitud; did you mean magnitude?"],
    [["--mode", "one"], "got one; did you mean one-in?"],
    [["--shard", "3/2"], "Expected i/n with i from 1 to n"],
    [["--layers", "nothing"], "expected layers that can be patched"],
    [["--layers", "intermediat.dense"], "did you mean"],
  ])("%j", async (more, message) => {
    expect(await failure(...sweep(...more, "--out", path("wrong")))).toContain(message);
  });

  test("a folder that cannot be written, and nothing is measured", async () => {
    const { err } = await runHere(sweep("--out", path("texts.tsv", "sweep")));
    expect(err).toMatch(
      /texts\.tsv\/sweep: expected a folder that can be written, got ENOTDIR .*; name another --out\n$/,
    );
  });

  test("rows of a version before, and a folder of another model", async () => {
    const line = { layer: "a", density: 0.5, realised: 0.5, loss: 1, model: "0", data: "d", blockSize: 8, seed: 0 };
    await json(...sweep("--layers", "intermediate", "--densities", "0.5", "--out", path("old")));
    const before = readFileSync(path("old", "rows.jsonl"), "utf8");
    writeFileSync(path("old", "rows.jsonl"), `${JSON.stringify(line)}\n`);
    expect(await failure(...sweep("--out", path("old")))).toContain(
      "line 1: expected a row of this version, got one of a version that measured no spread, parameters or bytes; name another --out",
    );
    writeFileSync(path("old", "rows.jsonl"), before);
    expect(await failure("sensitivity", path("pre"), "--text", path("texts.txt"), "--out", path("old"))).toMatch(
      /expected a sweep of .*pre .*, got one of .*fine .*; name another --out/,
    );
  });
});
