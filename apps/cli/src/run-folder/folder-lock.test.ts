import { mkdirSync, readdirSync, utimesSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CommandError } from "../terminal/command-error.ts";
import { lockFolder } from "./folder-lock.ts";
import { createClaim, isLockFile } from "./lock-claim.ts";
import { identifyProcess, judgeProcess } from "./process-identity.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tessera-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const claims = (): string[] => readdirSync(folder).filter(isLockFile);
const elsewhere = { place: "0123456789ab", pid: 7, start: "77" };

test("a folder has one owner at a time, and is as it was afterwards", async () => {
  const lock = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toThrow(
    `${folder}: expected a folder that no one writes to, got one in use by process ${process.pid}; wait or name another --out`,
  );
  lock.assertOwned();
  lock.release();
  expect(claims()).toEqual([]);
  (await lockFolder(folder)).release();
});

test("a folder that was made for the lock alone goes with it", async () => {
  const made = join(folder, "runs", "new");
  (await lockFolder(made)).release();
  expect(readdirSync(join(folder, "runs"))).toEqual([]);
});

test("of many that come at once one wins", async () => {
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
  const won = all.filter((each) => each.status === "fulfilled");
  expect(won).toHaveLength(1);
  expect(claims()).toHaveLength(1);
  won[0]!.value.release();
});

test("where temporary files lie does not matter: a long TMPDIR, another one, or none", async () => {
  try {
    vi.stubEnv("TMPDIR", `/${"very-long-name/".repeat(20)}`);
    const lock = await lockFolder(folder);
    vi.stubEnv("TMPDIR", "/nowhere");
    await expect(lockFolder(folder)).rejects.toThrow("got one in use");
    lock.release();
    (await lockFolder(folder)).release();
  } finally {
    vi.unstubAllEnvs();
  }
});

test("a claim of a dead process is removed, also if its number is another's by now", async () => {
  const { place, pid, start } = identifyProcess();
  await writeFile(join(folder, createClaim({ place, pid: 4_194_999, start }, "00000000000000aa").file), "dead");
  const earlier = createClaim({ place, pid, start: String(Number(start) - 1) }, "00000000000000ab");
  if (process.platform === "linux") await writeFile(join(folder, earlier.file), "dead");
  const lock = await lockFolder(folder);
  expect(claims()).toHaveLength(1);
  lock.release();
});

test("a process of another machine is alive as long as its claim is touched", async () => {
  const path = join(folder, createClaim(elsewhere, "00000000000000aa").file);
  await writeFile(path, "owner");
  const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 100);
  try {
    await expect(lockFolder(folder)).rejects.toThrow("got one in use by a process of another machine or container");
  } finally {
    clearInterval(beat);
  }
});

test("a machine that is gone keeps a folder for some seconds, and no longer", { timeout: 30_000 }, async () => {
  await writeFile(join(folder, createClaim(elsewhere, "00000000000000aa").file), "owner");
  const begun = performance.now();
  const lock = await lockFolder(folder);
  const seconds = (performance.now() - begun) / 1000;
  expect(seconds).toBeGreaterThan(9);
  expect(seconds).toBeLessThan(15);
  expect(claims()).toHaveLength(1);
  lock.release();
});

test.runIf(process.platform === "linux")("processes are told apart", () => {
  const self = identifyProcess();
  expect(self.start).toMatch(/^[1-9]\d*$/);
  expect(judgeProcess(self)).toBe("alive");
  expect(judgeProcess({ ...self, start: "1" })).toBe("dead");
  expect(judgeProcess({ ...self, pid: 4_194_999 })).toBe("dead");
  expect(judgeProcess({ ...self, start: "0" })).toBe("unknown");
  expect(judgeProcess(elsewhere)).toBe("unknown");
});

/** Folders that cannot be written, and what is said of them. */
test.runIf(process.platform === "linux")("a folder that cannot be written is refused by its path", async () => {
  await writeFile(join(folder, "file"), "");
  mkdirSync(join(folder, "there"));
  for (const [path, reason] of [
    ["/proc/x", "ENOENT (there is no such place)"],
    [join(folder, "file"), "EEXIST (there is a file of that name)"],
    [join(folder, "file", "below"), "ENOTDIR (a part of the path is a file)"],
  ] as const) {
    const error = await lockFolder(path).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CommandError);
    expect((error as Error).message).toBe(
      `${path}: expected a folder that can be written, got ${reason}; name another --out`,
    );
  }
});
