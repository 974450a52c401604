import { readFile, writeFile } from "node:fs/promises";
import { SeededRandom } from "@tessera/models/data";
import { cpu, type DeviceDescription } from "@tessera/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { runHere } from "./run-here.ts";
import { useTemporaryFolder } from "./run-tessera.ts";

const folder = useTemporaryFolder();
const path = folder.path;

/** Runs a command that must do well, and gives its JSON. */
const json = async <T = Record<string, unknown>>(...args: string[]): Promise<T> => {
  const { code, out, err } = await runHere([...args, "--json"]);
  expect(err).toBe("");
  expect(code).toBe(0);
  // One line, and nothing else.
  expect(out).toMatch(/^\{[^\n]*\}\n$/);
  return JSON.parse(out) as T;
};

const failure = async (...args: string[]): Promise<{ code: number; err: string }> => {
  const { code, out, err } = await runHere(args);
  expect(out).toBe("");
  expect(err).toMatch(/^tessera: [^\n]*\n$/);
  return { code, err };
};

const animals = ["bird", "cat", "fish", "horse", "snake"];
const tools = ["hammer", "saw", "wrench", "drill", "chisel"];

/** A model of a few thousand weights, on texts of a few words. */
const small = "--hidden 32 --layers 2 --heads 2 --vocab 300 --length 16 --tokens 6400".split(" ");

beforeAll(async () => {
  const random = new SeededRandom(3, "texts");
  const line = (): string => {
    const nouns = random.nextInt(2) === 0 ? animals : tools;
    return `a small ${nouns[random.nextInt(nouns.length)]!} and an old ${nouns[random.nextInt(nouns.length)]!}`;
  };
  await writeFile(path("texts.txt"), Array.from({ length: 300 }, line).join("\n"));
  const labelled = (adjective: string): string =>
    [
      ...animals.map((noun) => `animal\t${adjective} ${noun}`),
      ...tools.map((noun) => `tool\t${adjective} ${noun}`),
    ].join("\n");
  await writeFile(path("train.tsv"), `${labelled("a small")}\n${labelled("an old")}\n`);
  await writeFile(path("test.tsv"), `${labelled("an old small")}\n`);
});

describe("from texts of one's own to a sparse classifier", { timeout: 120_000 }, () => {
  test("pretrain saves a model and a tokenizer", async () => {
    const out = path("pre");
    const found = await json<{ steps: number; loss: number; parameters: number }>(
      "pretrain",
      "--text",
      path("texts.txt"),
      "--out",
      out,
      ...small,
    );
    expect(found.steps).toBe(50);
    expect(found.loss).toBeLessThan(Math.log(300));
    const config = JSON.parse(await readFile(path("pre", "config.json"), "utf8")) as Record<string, unknown>;
    expect(config["hidden_size"]).toBe(32);
    expect(await readFile(path("pre", "tokenizer.json"), "utf8")).toContain("ByteLevel");
  });

  test("pretrain leaves a run that is there alone, goes on with it, or starts it over", async () => {
    const args = ["pretrain", "--text", path("texts.txt"), "--out", path("pre"), ...small];
    const { code, err } = await failure(...args);
    expect(code).toBe(1);
    expect(err).toContain(
      "expected no run, got one; go on with --resume, start over with --fresh, or name another --out",
    );
    const before = await json(...args, "--resume");
    expect(await json(...args, "--resume")).toEqual(before);
    expect((await failure(...args, "--lr", "0.01", "--resume")).err).toContain(
      "expected a run with lr 0.01, got one with lr 0.002",
    );
    expect((await failure(...args, "--optimizer", "adamw", "--resume")).err).toContain(
      "expected a run with optimizer adamw, lr 0.001, muonLr unset, got one with optimizer muon, lr 0.002, muonLr 0.01",
    );
    expect((await failure(...args, "--optimizer", "adamw", "--muon-lr", "0.1")).err).toContain(
      "--muon-lr: expected --optimizer muon, got adamw; leave one of them out",
    );
    expect((await failure(...args, "--resume", "--fresh")).err).toContain(
      "expected either --fresh or --resume, got both",
    );
    const { seconds: _, ...numbers } = await json(...args, "--fresh");
    const { seconds: __, ...first } = before;
    expect(numbers).toEqual(first);
  });

  test("evaluate tells the loss of a masked language model on texts", async () => {
    const found = await json<{ loss: number; perplexity: number }>(
      "evaluate",
      path("pre"),
      "--text",
      path("texts.txt"),
    );
    expect(found.perplexity).toBeCloseTo(Math.exp(found.loss), 6);
    expect((await failure("evaluate", path("pre"))).err).toContain(
      "expected --text <file> for the masked language model",
    );
  });

  test("fill-mask gives the likeliest tokens, most likely first", async () => {
    const { fills } = await json<{ fills: { token: string; text: string; probability: number }[] }>(
      "fill-mask",
      path("pre"),
      "a small<mask> and an old cat",
      "--top",
      "3",
    );
    expect(fills).toHaveLength(3);
    const probabilities = fills.map(({ probability }) => probability);
    expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a));
    for (const { text, token } of fills) expect(text).toBe(`a small${token} and an old cat`);
    const { code, err } = await failure("fill-mask", path("pre"), "no mask here");
    expect(code).toBe(1);
    expect(err).toContain("fill-mask: expected one <mask> in the text, got none; write it where a word is missing");
  });

  test("patch prints the plan, and the counts before and after", async () => {
    const args = ["patch", path("pre"), "--density", "0.5", "--block-size", "8", "--out", path("patched")];
    const dry = await runHere([...args, "--dry-run"]);
    expect(dry.out).toContain("roberta.encoder.layer.0.intermediate.dense");
    expect(dry.out).toContain("Nothing was changed: --dry-run");
    const { parameters } = await json<{ parameters: { before: number; after: number } }>(...args);
    // Half of 32 · 128 + 128 · 32 + 32 · 32 weights in each of 2 layers.
    expect(parameters.before - parameters.after).toBe(2 * 128 * 32 + 32 * 32);
    expect((await failure(...args, "--pattern", "decoder.*")).err).toContain("matches no layer");
    expect((await failure("patch", path("patched"), "--block-size", "8")).err).toContain(
      "is block-sparse already; unpatch the model first",
    );
  });

  test("info tells configuration, layouts and tensors, of a folder and of a file", async () => {
    interface Info {
      config?: Record<string, unknown>;
      layouts: { name: string; blocks: number; blockSize: number; rows: number }[];
      tensors: { name: string; shape: number[] }[];
    }
    const found = await json<Info>("info", path("patched"));
    expect(found.config?.["model_type"]).toBe("roberta");
    expect(found.layouts).toHaveLength(6);
    expect(found.layouts.find(({ name }) => name === "roberta.encoder.layer.1.intermediate.dense")).toEqual({
      name: "roberta.encoder.layer.1.intermediate.dense",
      blocks: 32,
      blockSize: 8,
      rows: 16,
    });
    const file = await json<Info>("info", path("patched", "model.safetensors"));
    expect(file.tensors).toEqual(found.tensors);
    expect(file.config).toBeUndefined();
    const text = await runHere(["info", path("patched")]);
    expect(text.out).toContain("roberta.encoder.layer.1.intermediate.dense: 32 blocks of 8 × 8 in 16 rows");
  });

  test("info without a path tells which devices there are, and which kernels run", async () => {
    const { node, devices } = await json<{ node: string; devices: DeviceDescription[] }>("info");
    expect(node).toBe(process.versions.node);
    expect(devices[0]).toEqual({ name: "cpu", available: true, kernels: cpu.kernelBuild });
    expect(devices.map(({ name }) => name)).toEqual(["cpu", "reference", "webgpu"]);
    const { build, reason } = cpu.kernelBuild;
    expect((await runHere(["info"])).out).toContain(`cpu: ${build} kernels: ${reason}`);
  });

  const files = (): string[] => ["--train", path("train.tsv"), "--test", path("test.tsv")];

  test("finetune teaches the sparse model, and evaluate finds the same numbers", async () => {
    const args = ["finetune", path("patched"), ...files(), "--steps", "60", "--lr", "0.003", "--out", path("fine")];
    const found = await json<{ accuracy: number; loss: number; count: number }>(...args);
    expect(found.count).toBe(10);
    expect(found.accuracy).toBeGreaterThan(0.7);
    const again = await json<{ accuracy: number; loss: number }>("evaluate", path("fine"), "--test", path("test.tsv"));
    expect(again.accuracy).toBe(found.accuracy);
    expect(again.loss).toBe(found.loss);
    expect((await failure("evaluate", path("fine"))).err).toContain(
      "--test: expected a file of labelled texts, got none",
    );
    const unknown = path("unknown.tsv");
    await writeFile(unknown, "animal\ta cat\nplant\ta tree\n");
    expect((await failure("evaluate", path("fine"), "--test", unknown)).err).toContain(
      'unknown.tsv, line 2: expected one of the labels "animal", "tool", got "plant"',
    );
    expect((await failure("fill-mask", path("fine"), "a <mask>")).err).toContain(
      "expected a masked language model, got a model without lm_head",
    );
  });

  test("finetune refuses half of the files, and too few labels", async () => {
    const half = await failure("finetune", path("pre"), "--train", path("train.tsv"));
    expect(half.code).toBe(2);
    expect(half.err).toContain("expected both --train and --test, got only --train");
    const few = await failure("finetune", path("pre"), ...files(), "--labels-per-class", "11", "--out", path("few"));
    expect(few.err).toContain('expected 11 texts labelled "animal", got 10; lower --labels-per-class');
  });

  test("sensitivity measures every layer at every density once, and never again", async () => {
    interface Row {
      mode: string;
      group: string;
      density: number;
      layoutHash: string;
      loss: number;
      lossSpread: { low: number; high: number };
      accuracy: number;
    }
    interface Result {
      rows: Row[];
      left: { group: string; reason: string }[];
      report: string;
    }
    await json("finetune", path("pre"), ...files(), "--steps", "60", "--lr", "0.003", "--out", path("dense"));
    const args = [
      "sensitivity",
      path("dense"),
      "--test",
      path("test.tsv"),
      "--block-size",
      "8",
      "--out",
      path("sweep"),
    ];
    const found = await json<Result>(...args, "--densities", "1,0.5,0.02,0.01");
    const [dense, ...cells] = found.rows as [Row, ...Row[]];
    const evaluated = await json<{ loss: number; accuracy: number }>(
      "evaluate",
      path("dense"),
      "--test",
      path("test.tsv"),
    );
    expect(dense.mode).toBe("dense");
    expect(dense.loss).toBeCloseTo(evaluated.loss, 5);
    expect(dense.accuracy).toBe(evaluated.accuracy);
    // Query, key, value, attention.output, intermediate, output of 2 layers, and the head's dense; its out_proj is too small.
    expect(new Set(cells.map(({ group }) => group)).size).toBe(13);
    expect(cells).toHaveLength(4 * 13);
    expect(found.left.map(({ group }) => group)).toEqual(["classifier.out_proj"]);
    for (const { density, loss, lossSpread, accuracy } of cells) {
      expect(lossSpread.low).toBeLessThanOrEqual(loss);
      expect(lossSpread.high).toBeGreaterThanOrEqual(loss);
      expect(accuracy).toBeGreaterThanOrEqual(0);
      // With all of its blocks a layer computes what it did; sums run in another order.
      if (density === 1) expect(loss).toBeCloseTo(dense.loss, 4);
    }
    // 0.02 and 0.01 both leave one block a row: the same layout is measured once.
    for (const cell of cells.filter(({ density }) => density === 0.01)) {
      const twin = cells.find(({ group, density }) => group === cell.group && density === 0.02)!;
      expect([twin.layoutHash, twin.loss]).toEqual([cell.layoutHash, cell.loss]);
    }
    const rows = await readFile(path("sweep", "rows.jsonl"), "utf8");
    expect(rows.trim().split("\n")).toHaveLength(1 + 4 * 13);
    expect(await json<Result>(...args, "--densities", "1,0.5,0.02,0.01")).toEqual(found);
    expect(await readFile(path("sweep", "rows.jsonl"), "utf8")).toBe(rows);
    expect(await readFile(found.report, "utf8")).toContain("Loss added");
  });

  test("sensitivity goes on after a line that was cut short, and recovers with some steps", async () => {
    const args = ["sensitivity", path("dense"), ...files(), "--block-size", "8", "--layers", "intermediate"];
    const out = ["--out", path("sweep2"), "--densities", "0.25"];
    const shot = await json<{ rows: { loss: number }[] }>(...args, ...out);
    const rows = await readFile(path("sweep2", "rows.jsonl"), "utf8");
    await writeFile(path("sweep2", "rows.jsonl"), rows.slice(0, -20));
    expect(await json(...args, ...out)).toEqual(shot);
    expect(await readFile(path("sweep2", "rows.jsonl"), "utf8")).toBe(rows);
    const recovered = await json<{ rows: { loss: number }[] }>(...args, ...out, "--recovery-steps", "20");
    expect(recovered.rows[1]!.loss).toBeLessThan(shot.rows[1]!.loss);
  });
});
