import { access, writeFile } from "node:fs/promises";
import { expect, test, vi } from "vitest";
import { runHere } from "./run-here.ts";
import { useTemporaryFolder, runTessera } from "./run-tessera.ts";

const folder = useTemporaryFolder();

const COMMANDS = [
  "demo",
  "pretrain",
  "finetune",
  "evaluate",
  "fill-mask",
  "patch",
  "unpatch",
  "export",
  "sensitivity",
  "worker",
  "merge",
  "allocate",
  "report",
  "compare",
  "profile",
  "info",
];

test("--help lists the commands, and each command's own has an example", { timeout: 30_000 }, async () => {
  const { code, out } = await runHere(["--help"]);
  expect(code).toBe(0);
  const [section] = out.split("Commands:\n")[1]!.split("\n\n");
  const listed = Array.from(section!.matchAll(/^ {2}([a-z]\S*) /gm), ([, name]) => name!);
  expect(listed).toEqual(expect.arrayContaining(COMMANDS));
  for (const name of listed.filter((each) => each !== "help")) {
    const help = await runHere([name, "--help"]);
    expect(help.code).toBe(0);
    expect(help.out).toMatch(new RegExp(`Examples?:\n {2}npm run tessera -- ${name}`));
    for (const option of ["--seed", "--threads", "--device", "--out", "--resume", "--json", "--quiet"]) {
      expect(help.out).toContain(option);
    }
  }
});

test("--version prints one version", async () => {
  const { code, out } = await runHere(["--version"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

/** Command lines that are wrong, and what is said of them in one line. */
test.each([
  [["demo", "--sed", "1"], "unknown option '--sed' (Did you mean --seed?); see tessera demo --help"],
  [["demo", "--finetune-step", "1"], "unknown option '--finetune-step' (Did you mean --finetune-steps?)"],
  [["dmeo"], "unknown command 'dmeo' (Did you mean demo?); see tessera --help"],
  [["demo", "--seed", "-1"], "option '--seed <n>' argument '-1' is invalid. Expected a whole number from 0."],
  [["demo", "--seed", "1.5"], "Expected a whole number from 0."],
  [["demo", "--threads", "0"], "option '--threads <n>' argument '0' is invalid. Expected a whole number from 1."],
  [["info", "x", "--threads", "10000"], "--threads: setThreads: a whole number from 1 to 256 expected, got 10000"],
  [["demo", "--threads", "two"], "Expected a whole number from 1."],
  [["demo", "--device", "gpu"], "--device: expected cpu or reference or webgpu or auto, got gpu"],
  [["profile", "--density", "0"], "Expected a number above 0 and at most 1."],
  [["demo", "extra"], "too many arguments for 'demo'. Expected 0 arguments but got 1."],
  [["patch"], "missing required argument 'model'"],
  [["patch", "model", "--density", "1.5"], "Expected a number above 0 and at most 1."],
  [["patch", "model", "--pattern", "("], "Expected a regular expression"],
  [["evaluate", "model", "--out", "there"], "--out: expected a command that writes, got evaluate; leave it out"],
  [["patch", "model", "--resume"], "--resume: expected a command that can go on, got patch; leave it out"],
  [["finetune", "model", "--classes", "a,,b"], "Expected names with commas between, each once."],
  [["finetune"], "finetune: expected the folder of a model, got none"],
  [["pretrain", "--sparse", "density=2"], "Expected a number above 0 and at most 1."],
  [["pretrain", "--sparse", "densty=0.5"], "Expected pattern=…,density=…,block=…,layout=…, each at most once."],
  [["pretrain", "--sparse", "layout=round"], "Expected layout=best|balanced|nOfM|banded|butterfly|localGlobal."],
  [["pretrain", "--criterion", "tailor"], ", got tailor; did you mean taylor?"],
  [["pretrain", "--sparsity-schedule", "cubik"], "Expected oneShot or linear or cubic, got cubik; did you mean cubic?"],
  [["patch", "model", "--criterion", "magnitud"], ", got magnitud; did you mean magnitude?"],
  [["pretrain", "--dynamic", "rig"], "did you mean rigl?"],
  [["finetune", "--sparse", "density=0.5", "--patterns", "x"], "cannot be used with option"],
  [["pretrain", "--criterion", "taylor"], "--criterion: expected --sparse beside it, got none"],
  [["pretrain", "--dynamic", "movement"], "--dynamic movement: expected --sparse beside it, got none"],
  [
    ["pretrain", "--sparse", "density=0.5", "--dynamic", "rigl", "--sparsity-schedule", "cubic"],
    "--dynamic: expected movement beside --sparsity-schedule, got rigl",
  ],
  [["pretrain", "--metric", "loss"], "--metric: expected --keep-best or --early-stopping beside it, got none"],
  [["compare", "run"], "compare: expected two runs or more, got 1"],
])("%j is a usage error", async (args, message) => {
  const { code, out, err } = await runHere(args);
  expect(err).toContain(message);
  expect(err).toMatch(/^tessera: [^\n]*\n$/);
  expect(out).toBe("");
  expect(code).toBe(2);
});

test("without a command the help is printed, as an error", async () => {
  const { code, err } = await runHere([]);
  expect(code).toBe(2);
  expect(err).toContain("Usage: tessera");
});

test("a process ends with the code of its usage error, and has begun nothing", { timeout: 30_000 }, async () => {
  const { code, err } = await runTessera(["demo", "--device", "gpu"], { cwd: folder.path() });
  expect(err).toBe("tessera: --device: expected cpu or reference or webgpu or auto, got gpu\n");
  expect(code).toBe(2);
  await expect(access(folder.path("runs"))).rejects.toThrow("ENOENT");
});

/** What cannot be done, and what is said of it. */
test.each([
  [["info", "nowhere"], "info: expected a file or folder, got nowhere, which cannot be read; check the path"],
  [["compare", "nowhere", "there"], "nowhere: expected the folder of a run of pretrain or finetune"],
  [["report", "nowhere"], "report: expected a folder with rows.jsonl or state.json, got nowhere"],
  [["evaluate", "nowhere"], "nowhere: expected the folder of a model, got one without config.json; check the path"],
  [["fill-mask", "nowhere", "a <mask>"], "expected the folder of a model"],
])("%j fails with one line", async (args, message) => {
  const { code, out, err } = await runHere(args);
  expect(err).toContain(message);
  expect(err).toMatch(/^tessera: [^\n]*\n$/);
  expect(out).toBe("");
  expect(code).toBe(1);
});

/** Files that are not what they should be. */
test.each([
  ["pretrain", "--text", "nowhere.txt", "nowhere.txt: expected a file that can be read, got ENOENT; check the path"],
  ["pretrain", "--text", "empty.txt", "empty.txt: expected one text a line, got an empty file; check the path"],
] as const)("%s %s %s fails with one line", async (command, option, name, message) => {
  await writeFile(folder.path("empty.txt"), "\n\n");
  const { code, err } = await runHere([command, option, folder.path(name), "--out", folder.path("run"), "--fresh"]);
  expect(err).toContain(message);
  expect(code).toBe(1);
});

test("DEBUG adds the stack", async () => {
  vi.stubEnv("DEBUG", "1");
  try {
    expect((await runHere(["info", "nowhere"])).err).toMatch(/\n {4}at /);
  } finally {
    vi.unstubAllEnvs();
  }
});

test("NO_COLOR and a pipe have no colours; FORCE_COLOR has", { timeout: 60_000 }, async () => {
  const path = folder.path("file.safetensors");
  const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  const bytes = Buffer.alloc(8 + header.length + 4);
  bytes.writeBigUInt64LE(BigInt(header.length));
  bytes.write(header, 8);
  await writeFile(path, bytes);
  const [pipe, none, forced] = await Promise.all([
    runTessera(["info", path]),
    runTessera(["info", path], { env: { NO_COLOR: "1", FORCE_COLOR: "1" } }),
    runTessera(["info", path], { env: { FORCE_COLOR: "1" } }),
  ]);
  expect(pipe.out).toContain("1 tensors, 1 float32 numbers");
  expect(none.out).toBe(pipe.out);
  expect(forced.out).toContain("\u001b[1m");
});
