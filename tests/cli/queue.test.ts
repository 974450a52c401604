import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { findFreePort, needRedis, RedisServer } from "../support/redis-server.ts";
import { runHere } from "./run-here.ts";
import { startTessera, useTemporaryFolder, waitUntil, type Running } from "./run-tessera.ts";

const { path } = useTemporaryFolder();

const nouns = { animal: ["bird", "cat", "fish", "horse"], tool: ["hammer", "saw", "wrench", "drill"] };

const succeed = async (...args: string[]): Promise<void> => {
  const { code, err } = await runHere([...args, "--quiet"]);
  expect(err).toBe("");
  expect(code).toBe(0);
};

beforeAll(async () => {
  const labelled = ["a small", "an old", "a red"].flatMap((adjective) =>
    Object.entries(nouns).flatMap(([label, list]) => list.map((noun) => `${label}\t${adjective} ${noun}`)),
  );
  writeFileSync(path("texts.tsv"), `${labelled.join("\n")}\n`);
  writeFileSync(path("texts.txt"), `${labelled.map((line) => line.split("\t")[1]!).join("\n")}\n`.repeat(8));
  const small = "--hidden 16 --layers 2 --heads 2 --vocab 270 --length 12 --tokens 2000".split(" ");
  await succeed("pretrain", "--text", path("texts.txt"), ...small, "--out", path("pre"));
  const files = ["--train", path("texts.tsv"), "--test", path("texts.tsv")];
  await succeed("finetune", path("pre"), ...files, "--steps", "30", "--lr", "0.003", "--out", path("fine"));
}, 60_000);

/** A sweep of the dense model and four cells for each seed. */
const sweep = (out: string, ...more: string[]): string[] => [
  "sensitivity",
  path("fine"),
  "--train",
  path("texts.tsv"),
  "--test",
  path("texts.tsv"),
  "--block-size",
  "4",
  "--layers",
  "intermediate",
  "--densities",
  "0.5,0.25",
  "--criterion",
  "random",
  "--threads",
  "1",
  "--out",
  path(out),
  ...more,
];

const linesOf = (folder: string): string[] => {
  try {
    return readFileSync(path(folder, "rows.jsonl"), "utf8").trim().split("\n");
  } catch {
    return [];
  }
};

describe("without a Redis that serves", () => {
  const fails = async (url: string, message: string): Promise<void> => {
    for (const args of [sweep("none", "--queue", url, "--patience", "1"), ["worker", "--queue", url]]) {
      const { code, err } = await runHere(args);
      expect(err).toContain(message);
      expect(err).toMatch(/^tessera: (sensitivity|worker): expected [^\n]*\n$/);
      expect(code).toBe(1);
    }
  };

  test("one that is not there", async () => {
    const port = await findFreePort();
    await fails(
      `redis://127.0.0.1:${port}`,
      `expected Redis at redis://127.0.0.1:${port}, got connect ECONNREFUSED 127.0.0.1:${port}; start it (redis-server), or check the address`,
    );
  });

  test.each([
    [["worker"], "required option '--queue <url>' not specified"],
    [["worker", "--queue", "http://127.0.0.1"], "Expected redis://[user:password@]host[:port][/database]"],
    [["worker", "--queue", "redis://127.0.0.1/first"], "Expected redis://[user:password@]host[:port][/database]"],
    [
      ["sensitivity", "fine", "--queue", "redis://127.0.0.1", "--workers", "2"],
      "'--queue <url>' cannot be used with option '--workers <n>'",
    ],
    [
      ["sensitivity", "fine", "--queue", "redis://127.0.0.1", "--shard", "1/2"],
      "'--queue <url>' cannot be used with option '--shard <i/n>'",
    ],
  ])("%j is a usage error", async (args, message) => {
    const { code, err } = await runHere(args);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  test("one that wants a password", async (context) => {
    needRedis(context);
    const server = await RedisServer.start("--requirepass", "right");
    try {
      const advice = "give user and password as redis://user:password@host, or the password as REDISCLI_AUTH";
      await fails(server.url, `NOAUTH`);
      await fails(server.url.replace("//", "//:wrong@"), `got WRONGPASS`);
      await fails(server.url.replace("//", "//:wrong@"), advice);
      await fails(server.url.replace("//", "//:wrong@"), "expected Redis at redis://:***@127.0.0.1");
      vi.stubEnv("REDISCLI_AUTH", "right");
      await succeed("worker", "--queue", server.url, "--idle", "0.1", "--out", path("worker"));
    } finally {
      vi.unstubAllEnvs();
      await server.remove();
    }
  });
});

describe("with a Redis", { timeout: 120_000 }, () => {
  let server: RedisServer;
  const running: Running[] = [];

  beforeEach((context) => needRedis(context));
  beforeAll(async () => {
    // Where there is none, every test is skipped.
    server = await RedisServer.start().catch(() => undefined as never);
  });
  afterEach(() => {
    for (const { child } of running.splice(0)) child.kill("SIGKILL");
  });
  afterAll(() => server?.remove());

  const start = (...args: string[]): Running => {
    const process = startTessera(args);
    running.push(process);
    return process;
  };
  const startWorker = (name: string, ...more: string[]): Running =>
    start("worker", "--queue", server.url, "--threads", "1", "--out", path(name), ...more);
  const keys = (): Promise<string[]> => server.ask((client) => client.keys("tessera:*"));
  const activeCells = (): Promise<number> => server.ask((client) => client.llen("tessera:cells:active"));

  test("two workers, one killed at a cell, Redis killed, and the sweep killed: the table of an undisturbed sweep", async () => {
    const seeds = ["--seeds", "0,1", "--recovery-steps", "200"];
    await succeed(...sweep("whole", ...seeds));
    const args = sweep("queued", ...seeds, "--queue", server.url);
    const first = start(...args);
    const [killed, other] = [startWorker("a"), startWorker("b")];
    await waitUntil(first, () => linesOf("queued").length >= 1 && killed.out().includes("loss"));
    // Stopped where it is; at a cell, if Redis says so of both.
    for (;;) {
      killed.child.kill("SIGSTOP");
      if ((await activeCells()) === 2) break;
      expect(first.child.exitCode, "the sweep goes on until a worker is killed at a cell").toBeNull();
      killed.child.kill("SIGCONT");
      await sleep(20);
    }
    killed.child.kill("SIGKILL");
    await waitUntil(first, () => linesOf("queued").length >= 3);
    expect(linesOf("queued").length, "cells are left when Redis is killed").toBeLessThan(10);
    await server.kill();
    await sleep(500);
    await server.start();
    // Full for a while: what is measured meanwhile waits.
    await server.ask((client) => client.config("SET", "maxmemory", "1"));
    await sleep(1500);
    await server.ask((client) => client.config("SET", "maxmemory", "0"));
    await waitUntil(first, () => linesOf("queued").length >= 5);
    expect(first.child.exitCode, "cells are left when the sweep is killed").toBeNull();
    first.child.kill("SIGKILL");
    await first.ended;
    const { code, err } = await start(...args).ended;
    expect(err).toBe("");
    expect(code).toBe(0);
    const cells = linesOf("queued").map((line) => (JSON.parse(line) as { cell: string }).cell);
    expect(new Set(cells).size).toBe(cells.length);
    expect(linesOf("queued").toSorted()).toEqual(linesOf("whole").toSorted());
    // Nothing of the sweep stays in Redis.
    await expect
      .poll(async () => (await keys()).filter((key) => /^tessera:(sweep|rows|file):|:cells:[0-9a-f]{16}-/.test(key)), {
        timeout: 40_000,
        interval: 200,
      })
      .toEqual([]);
    other.child.kill("SIGTERM");
    const ended = await other.ended;
    expect(ended.code).toBe(130);
    expect(ended.err).toMatch(/stopped after \d+ cells; others measure what was begun/);
    expect(ended.err).toContain("; waiting 1 min 00 s for it\n");
    expect(ended.err).toContain(": back after ");
  });

  test("a worker elsewhere gets model and texts through Redis; a sweep whose Redis is gone or full says so, and goes on later", async () => {
    await succeed(...sweep("whole2"));
    const args = sweep("elsewhere", "--queue", server.url, "--patience", "1");
    const first = start(...args);
    await waitUntil(first, () => first.out().includes("No worker is connected"));
    await server.kill();
    const gone = await first.ended;
    expect(gone.err).toContain("expected Redis at redis://127.0.0.1:");
    expect(gone.err).toContain("and give the same command again: what was measured is kept\n");
    expect(gone.code).toBe(1);
    await server.start();
    await server.ask((client) => client.config("SET", "maxmemory", "1"));
    for (const wanting of [args, ["worker", "--queue", server.url, "--patience", "1"]]) {
      const { code, err } = await runHere(wanting);
      expect(err).toContain("OOM command not allowed");
      expect(err).toContain("raise its maxmemory, or remove what else it keeps");
      expect(code).toBe(1);
    }
    await server.ask((client) => client.config("SET", "maxmemory", "0"));
    const second = start(...args);
    await waitUntil(second, () => second.out().includes("No worker is connected"));
    // An engine that rounds otherwise gives its cell back.
    const unlike = ["worker", "--queue", server.url, "--out", path("unlike")];
    const refused = await startTessera(unlike, { env: { TESSERA_WASM: "base" } }).ended;
    expect(refused.err).toContain(
      "expected fused multiply-adds as where the sweep was begun, got separate multiply-adds",
    );
    expect(refused.code).toBe(1);
    // This machine is another one now: neither model nor texts are where the sweep has them.
    renameSync(path("fine"), path("fine-away"));
    renameSync(path("texts.tsv"), path("texts-away.tsv"));
    try {
      const worker = startWorker("elsewhere-worker", "--idle", "3");
      const [sweeping, working] = [await second.ended, await worker.ended];
      expect([sweeping.err, working.err]).toEqual(["", ""]);
      expect([sweeping.code, working.code]).toEqual([0, 0]);
      expect(working.out).toContain("5 cells measured; none came for 3.0 s");
    } finally {
      renameSync(path("fine-away"), path("fine"));
      renameSync(path("texts-away.tsv"), path("texts.tsv"));
    }
    expect(linesOf("elsewhere").toSorted()).toEqual(linesOf("whole2").toSorted());
  });
});

// Last: a module that could not be loaded is remembered.
test("packages that are not installed", async () => {
  vi.doMock("bullmq", () => {
    throw new Error("Cannot find package 'bullmq'");
  });
  try {
    const { code, err } = await runHere(["worker", "--queue", "redis://127.0.0.1"]);
    expect(err).toContain("--queue: expected the packages bullmq and ioredis, which could not be loaded");
    expect(err).toMatch(/; npm install bullmq@\S+ ioredis@\S+\n$/);
    expect(code).toBe(1);
  } finally {
    vi.doUnmock("bullmq");
  }
});
