import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runHere } from "./run-here.ts";
import { runTessera, startTessera, tesseraArguments, useTemporaryFolder, waitUntil } from "./run-tessera.ts";

const { path } = useTemporaryFolder();

const small = "--hidden 32 --layers 1 --heads 2 --vocab 280 --length 16 --threads 1".split(" ");
const pretrain = (out: string, tokens: number): string[] => [
  "pretrain",
  "--text",
  path("texts.txt"),
  "--out",
  out,
  ...small,
  "--tokens",
  String(tokens),
];
/** Steps enough to be looked at for some seconds, and to be stopped in. */
const [LONG, SHORT] = [256_000, 64_000];
const weights = (out: string): Promise<Buffer> => readFile(path(out, "model.safetensors"));

beforeAll(() => {
  writeFileSync(
    path("texts.txt"),
    Array.from({ length: 200 }, (_, i) => `the ${i % 7} cats, ${i % 5} dogs`).join("\n"),
  );
});

const startsTraining = (out: string) => (): boolean =>
  existsSync(path(out, "training", "log.jsonl")) && statSync(path(out, "training", "log.jsonl")).size > 0;

describe("standard output that fails", { timeout: 120_000 }, () => {
  test("whose reader has gone stops a training, which saves and goes on to the same weights", async () => {
    const running = startTessera(pretrain(path("closed"), LONG));
    await waitUntil(running, startsTraining("closed"));
    running.child.stdout!.destroy();
    const { code, err } = await running.ended;
    expect(err).toMatch(
      /^tessera: standard output: expected to print, got EPIPE \(its reader has closed it\); keep its reader running, or use --quiet; stopped at step \d+ of 2000 and saved; add --resume to go on\n$/,
    );
    expect(code).toBe(1);
    expect((await runHere([...pretrain(path("closed"), LONG), "--resume"])).code).toBe(0);
    expect((await runHere(pretrain(path("whole"), LONG))).code).toBe(0);
    expect((await weights("closed")).equals(await weights("whole"))).toBe(true);
  });

  test.runIf(existsSync("/dev/full"))("on a full disk is an error, also of a result that fits nowhere", async () => {
    await runHere(pretrain(path("model"), 1280));
    const full = openSync("/dev/full", "w");
    try {
      const child = spawn(process.execPath, tesseraArguments(["info", path("model")]), {
        stdio: ["ignore", full, "pipe"],
      });
      let err = "";
      child.stderr!.on("data", (chunk: Buffer) => (err += chunk.toString()));
      const code = await new Promise((done) => child.once("close", done));
      expect(err).toBe(
        "tessera: standard output: expected to print, got ENOSPC (the disk is full); make room, or use --quiet\n",
      );
      expect(code).toBe(1);
    } finally {
      closeSync(full);
    }
  });
});

test("Ctrl-C twice quits at once, and the run goes on from its last checkpoint", { timeout: 120_000 }, async () => {
  const running = startTessera(pretrain(path("twice"), SHORT));
  await waitUntil(running, startsTraining("twice"));
  running.child.kill("SIGINT");
  running.child.kill("SIGTERM");
  const { code } = await running.ended;
  expect(code).toBe(130);
  expect((await runHere([...pretrain(path("twice"), SHORT), "--resume"])).code).toBe(0);
  expect((await runHere(pretrain(path("short"), SHORT))).code).toBe(0);
  expect((await weights("twice")).equals(await weights("short"))).toBe(true);
});

test(
  "a second process is refused while the first trains, and goes on when it was killed",
  { timeout: 120_000 },
  async () => {
    const args = pretrain(path("shared"), LONG);
    const first = startTessera(args);
    await waitUntil(first, startsTraining("shared"));
    for (const more of [["--resume"], ["--fresh"]]) {
      const { code, err } = await runHere([...args, ...more]);
      expect(err).toContain(
        `expected a folder that no one writes to, got one in use by process ${first.child.pid}; wait`,
      );
      expect(code).toBe(1);
    }
    first.child.kill("SIGKILL");
    // It does not wait for the end of the killed one.
    expect((await runHere([...args, "--resume"])).code).toBe(0);
    await first.ended;
    expect((await weights("shared")).equals(await weights("whole"))).toBe(true);
  },
);

/** Places that take no run, for every command that writes. */
test.runIf(existsSync("/proc/self"))("--out where nothing can be written is an error by its path", async () => {
  for (const args of [
    ["pretrain", "--text", path("texts.txt"), ...small],
    ["demo"],
    ["finetune", path("model"), "--train", path("labels.tsv"), "--test", path("labels.tsv")],
    ["patch", path("model"), "--block-size", "8"],
    ["sensitivity", path("model"), "--text", path("texts.txt")],
  ]) {
    writeFileSync(path("labels.tsv"), "a\tcats\nb\tdogs\n");
    const { code, err } = await runHere([...args, "--out", "/proc/x"]);
    expect(err).toBe(
      "tessera: /proc/x: expected a folder that can be written, got ENOENT (there is no such place); name another --out\n",
    );
    expect(code).toBe(1);
  }
});

/** A file system of some size of its own, where this process may mount one: in a container it seldom may. */
const mountSmall = (folder: string, options: string): boolean => {
  try {
    mkdirSync(folder, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describe("a file system of its own", { timeout: 120_000 }, () => {
  const mounted: string[] = [];
  afterAll(() => {
    for (const folder of mounted) execFileSync("umount", [folder]);
  });

  test("that is full leaves the last checkpoint, from which the run goes on once there is room", async ({ skip }) => {
    const disk = path("disk");
    skip(!mountSmall(disk, "size=2m"), "this process may not mount a file system");
    mounted.push(disk);
    const args = pretrain(path("disk", "run"), SHORT);
    const running = startTessera(args);
    await waitUntil(running, startsTraining("disk/run"));
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    const checkpoint = path("disk", "run", "training", "checkpoint.safetensors");
    const before = readFileSync(checkpoint);
    const room = 2 * 2 ** 20 - Number(execFileSync("du", ["-sb", disk]).toString().split("\t")[0]);
    let filled = 0;
    try {
      for (; filled < room; filled += 4096) writeFileSync(path("disk", "ballast"), Buffer.alloc(4096), { flag: "a" });
    } catch {
      // Now it is full.
    }
    const { code, err } = await runTessera([...args, "--resume", "--quiet"]);
    expect(err).toMatch(/^tessera: [^\n]*got ENOSPC[^\n]*\n$/);
    expect(err).not.toContain("internal error");
    expect(code).toBe(1);
    expect(readFileSync(checkpoint).equals(before)).toBe(true);
    writeFileSync(path("disk", "ballast"), "");
    expect((await runHere([...args, "--resume"])).code).toBe(0);
    expect((await weights("disk/run")).equals(await weights("short"))).toBe(true);
  });

  test("that is read-only is an error by its path", async ({ skip }) => {
    const disk = path("read-only");
    skip(!mountSmall(disk, "ro,size=64k"), "this process may not mount a file system");
    mounted.push(disk);
    const { code, err } = await runHere(pretrain(path("read-only", "run"), 1280));
    expect(err).toBe(
      `tessera: ${path("read-only", "run")}: expected a folder that can be written, got EROFS (the file system is read-only); name another --out\n`,
    );
    expect(code).toBe(1);
  });
});
