import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { memory, readSafetensors, writeSafetensors, type HostTensor } from "@tessera/tensor";
import { afterEach, beforeAll, expect, test } from "vitest";
import { runHere } from "./run-here.ts";
import { useTemporaryFolder } from "./run-tessera.ts";

const { path } = useTemporaryFolder();

const small = "--hidden 16 --layers 1 --heads 2 --vocab 280 --length 8 --tokens 1280".split(" ");
const pretrain = (...more: string[]): string[] => [
  "pretrain",
  "--text",
  path("texts.txt"),
  "--out",
  path("run"),
  ...small,
  ...more,
];

beforeAll(async () => {
  await writeFile(
    path("texts.txt"),
    Array.from({ length: 60 }, (_, i) => `the ${i % 7} cats, ${i % 5} dogs`).join("\n"),
  );
  expect((await runHere(pretrain())).code).toBe(0);
  await cp(path("run"), path("good"), { recursive: true });
});
/** Every test begins with a run that is well. */
afterEach(async () => {
  await rm(path("run"), { recursive: true });
  await cp(path("good"), path("run"), { recursive: true });
});

const failure = async (args: readonly string[]): Promise<string> => {
  const tensors = memory()["cpu"]?.tensors ?? 0;
  const { code, out, err } = await runHere([...args, "--quiet"]);
  // A load that fails leaves nothing behind.
  expect(memory()["cpu"]?.tensors ?? 0).toBe(tensors);
  expect(out).toBe("");
  expect(err).toMatch(/^tessera: [^\n]*\n$/);
  expect(err).not.toContain("internal error");
  expect(code).toBe(1);
  return err;
};

/** Makes the run one that was killed in its training. */
const forgetTraining = async (): Promise<void> => {
  const file = path("run", "state.json");
  const state = JSON.parse(await readFile(file, "utf8")) as { phases: Record<string, unknown> };
  delete state.phases["pretraining"];
  await writeFile(file, JSON.stringify(state));
};

const changeSafetensors = async (
  file: string,
  change: (tensors: Map<string, HostTensor>, metadata: Record<string, string>) => void,
): Promise<void> => {
  const { tensors, metadata } = readSafetensors(await readFile(file));
  const [changed, data] = [new Map(tensors), { ...metadata }];
  change(changed, data);
  await writeFile(file, writeSafetensors(changed, data));
};

const withNaN = (tensors: Map<string, HostTensor>, name: string): void => {
  const before = tensors.get(name)!;
  const data = Float32Array.from(before.data as Float32Array);
  data[3] = NaN;
  tensors.set(name, { ...before, data });
};

/** Stands for what `JSON.stringify` could not write. */
const DEEP = "nested 20,000 deep";
const deepText = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;

/** What stands in the place of a value of a training's state, and what is said of it. */
test.each<[string, unknown, string]>([
  ["step", "Infinity", 'step: expected a whole number from 0, got "Infinity"'],
  ["step", 1e9, "step: expected a whole number from 0 to 20, got 1000000000"],
  ["step", -1, "step: expected a whole number from 0, got -1"],
  ["lossSum", null, "lossSum: expected a finite number, got null"],
  ["batches", null, "batches: expected an object, got null"],
  [
    "batches",
    { seed: 0, epoch: 0, position: "first" },
    'batches.position: expected a whole number from 0, got "first"',
  ],
  ["generators", { default: 7 }, "generators.default: expected an object, got 7"],
  ["schedule", { step: 3 }, "schedule.baseRates: expected a value, got nothing"],
  ["groups", {}, "groups: expected an array, got an object"],
  ["groups", [{ lr: "fast", params: [] }], 'groups.0.lr: expected a finite number, got "fast"'],
  ["settings", undefined, "settings: expected a value, got nothing"],
  ["metrics", { loss: DEEP }, "got values nested more than 64 deep"],
])("a checkpoint whose %s is wrong is refused by its key, and --fresh starts over", async (key, value, message) => {
  await forgetTraining();
  const file = path("run", "training", "checkpoint.safetensors");
  await changeSafetensors(file, (_, metadata) => {
    const state = JSON.parse(metadata["training"]!) as Record<string, unknown>;
    metadata["training"] = JSON.stringify({ ...state, [key]: value }).replace(`"${DEEP}"`, deepText);
  });
  const said = await failure(pretrain("--resume"));
  expect(said).toContain(`${file}: `);
  expect(said).toContain(message);
  expect(said).toContain("; delete the file to train anew, or start over with --fresh");
});

test.each(["model.lm_head.dense.weight", "optimizer.lm_head.dense.weight."])(
  "a checkpoint with NaN in %s is refused by its name, and the training begins anew without it",
  async (name) => {
    await forgetTraining();
    const file = path("run", "training", "checkpoint.safetensors");
    let found = name;
    await changeSafetensors(file, (tensors) => {
      found = [...tensors.keys()].find((each) => each.startsWith(name))!;
      withNaN(tensors, found);
    });
    expect(await failure(pretrain("--resume"))).toContain(`${file}: ${found}: expected finite numbers, got NaN at 3`);
    await rm(file);
    expect((await runHere(pretrain("--resume"))).code).toBe(0);
    expect(await readFile(path("run", "model.safetensors"))).toEqual(await readFile(path("good", "model.safetensors")));
  },
);

test("NaN among the weights is said by name, and no loss of NaN is printed", async () => {
  const file = path("run", "model.safetensors");
  await changeSafetensors(file, (tensors) => withNaN(tensors, "lm_head.dense.weight"));
  const message = `${file}: lm_head.dense.weight: expected finite numbers, got NaN at 3; copy the model again, or make it anew`;
  for (const args of [
    ["evaluate", path("run"), "--text", path("texts.txt")],
    ["fill-mask", path("run"), "the <mask> cats"],
    ["patch", path("run"), "--out", path("patched")],
    ["sensitivity", path("run"), "--text", path("texts.txt"), "--out", path("sweep")],
  ])
    expect(await failure(args)).toContain(message);
});

test.each([
  ["texts.json", "{", "expected the notes of a model, got text that is no JSON"],
  ["texts.json", "[]", "source: expected a value, got nothing"],
  [
    "texts.json",
    '{"source": {"kind": "web"}, "length": 8}',
    'source.kind: expected an object with kind "files" or "wordnet", got "web"',
  ],
  [
    "texts.json",
    '{"source": {"kind": "files"}, "length": "long"}',
    'length: expected a whole number from 0, got "long"',
  ],
  ["config.json", `{"architectures": ${deepText}}`, "got values nested more than 64 deep"],
  ["config.json", '{"architectures": 5}', "architectures: expected an array, got 5"],
])("a model whose %s is %.30s is refused by the file", async (file, text, message) => {
  await writeFile(path("run", file), text);
  const said = await failure(["evaluate", path("run"), "--text", path("texts.txt")]);
  expect(said).toContain(`${path("run", file)}: `);
  expect(said).toContain(message);
});

test("a sensitivity row without a loss is said by its line, and its cell is measured again without it", async () => {
  const args = ["sensitivity", path("run"), "--text", path("texts.txt"), "--out", path("rows"), "--block-size", "8"];
  const short = [...args, "--densities", "0.5", "--layers", "intermediate"];
  expect((await runHere(short)).code).toBe(0);
  const file = path("rows", "rows.jsonl");
  const rows = await readFile(file, "utf8");
  for (const [line, message] of [
    ['{"cell":"x"}', "line 1: mode: expected a value, got nothing"],
    [rows.split("\n")[0]!.replace(/"loss":[^,]*/, '"loss":null'), "line 1: loss: expected a finite number, got null"],
    ["{", "line 1: expected a measured row, got text that is no JSON"],
    [deepText, "line 1: expected a measured row, got values nested more than 64 deep"],
  ]) {
    await writeFile(file, `${line}\n${rows}`);
    const said = await failure(short);
    expect(said).toContain(`${file}, ${message}; remove the line, and its cell is measured again`);
  }
  await writeFile(file, rows);
  expect((await runHere(short)).code).toBe(0);
});

test.each(["state.json", "config.json", "texts.json"])("a %s in Latin-1 is refused by line and byte", async (file) => {
  const text = await readFile(path("run", file), "utf8");
  await writeFile(path("run", file), text.replace(/}\s*$/, ', "note": "café"}'), "latin1");
  const said =
    file === "state.json"
      ? await failure(pretrain("--resume"))
      : await failure(["evaluate", path("run"), "--text", path("texts.txt")]);
  expect(said).toContain(`${path("run", file)}: expected a text in UTF-8, got 0xe9 where no character has it (line `);
  if (file === "config.json")
    expect(await failure(["info", path("run")])).toContain("config.json: expected a text in UTF-8");
});

test("a sensitivity row in Latin-1 is refused by line and byte, and one cut off inside of a character is measured again", async () => {
  const args = ["sensitivity", path("run"), "--text", path("texts.txt"), "--out", path("rows1"), "--block-size", "8"];
  const short = [...args, "--densities", "0.5", "--layers", "intermediate"];
  expect((await runHere(short)).code).toBe(0);
  const file = path("rows1", "rows.jsonl");
  const rows = await readFile(file);
  await writeFile(file, Buffer.concat([rows, Buffer.from('{"layer":"é"}\n', "latin1")]));
  expect(await failure(short)).toContain(
    `${file}: expected a text in UTF-8, got 0xe9 where no character has it (line `,
  );
  await writeFile(file, Buffer.concat([rows, Buffer.from('{"layer":"é').subarray(0, -1)]));
  expect((await runHere(short)).code).toBe(0);
  expect(await readFile(file)).toEqual(rows);
});

test("texts that changed are said by the option, until they are back", async () => {
  const before = await readFile(path("texts.txt"));
  await writeFile(path("texts.txt"), "other texts\n".repeat(60));
  expect(await failure(pretrain("--resume"))).toMatch(
    /run: expected --text .*texts\.txt as it was when the run began .*; restore the file, or start over with --fresh\n$/,
  );
  await writeFile(path("texts.txt"), before);
  expect((await runHere(pretrain("--resume"))).code).toBe(0);
});
