import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { bundled } from "../support/bundled.ts";

/** The command line from its sources: no build between an edit and its test. */
const cli = await bundled(
  fileURLToPath(new URL("../../apps/cli/src/cli.ts", import.meta.url)),
  fileURLToPath(new URL("../../apps/cli", import.meta.url)),
);

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface Running {
  child: ChildProcess;
  /** What it wrote to standard output so far. */
  out: () => string;
  ended: Promise<Ended>;
}

export interface RunOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
}

/** What Node is given to run `tessera` with arguments. */
export const tesseraArguments = (args: readonly string[]): string[] => [cli, ...args];

/** Starts `tessera` with arguments, without a terminal. */
export const startTessera = (args: readonly string[], { cwd, env = {} }: RunOptions = {}): Running => {
  const child = spawn(process.execPath, tesseraArguments(args), {
    cwd,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const ended = new Promise<Ended>((done, failed) => {
    child.on("error", failed);
    child.on("close", (code, signal) => done({ code, signal, out, err }));
  });
  return { child, out: () => out, ended };
};

/** Runs `tessera` to its end. */
export const runTessera = (args: readonly string[], options?: RunOptions): Promise<Ended> =>
  startTessera(args, options).ended;

/** A folder for the tests of a file, removed after them. */
export const useTemporaryFolder = (): { path: (...parts: string[]) => string } => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tessera-cli-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return { path: (...parts) => join(folder, ...parts) };
};

/** Waits until something holds, or the process has ended. */
export const waitUntil = async (running: Running, holds: () => boolean): Promise<void> => {
  let ended = false;
  void running.ended.then(() => (ended = true));
  while (!ended && !holds()) await sleep(2);
};
