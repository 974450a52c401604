import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PytorchFigures, type PytorchFigure, type PytorchInfo } from "./pytorch-figures.ts";
import type { PytorchJob } from "./pytorch-job.ts";

export interface PytorchPlace {
  /** The Python that has PyTorch. */
  readonly python: string;
  /** The companion; `null`: the one beside this file. */
  readonly script: string | null;
  readonly seconds: number;
}

type Line =
  ({ readonly info: PytorchInfo } | { readonly absent: string } | { readonly failed: string }) | PytorchFigure;

const none = new PytorchFigures(null, []);

/**
 * Runs the companion script, while nothing else uses the device. Without a PyTorch that sees a GPU its columns are left out, and
 * `say` tells why; what it printed before it failed or ran out of time counts.
 */
export const runPytorch = async (
  job: PytorchJob,
  { python, script, seconds }: PytorchPlace,
  say: (text: string) => void,
): Promise<PytorchFigures> => {
  const path = script ?? fileURLToPath(new URL("pytorch.py", import.meta.url));
  if (!existsSync(path)) {
    say(`PyTorch is left out: its companion script is not there; name it with --pytorch FILE`);
    return none;
  }
  const child = spawn(python, ["-u", path], { stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
  // It may be gone before it has read everything.
  child.stdin.on("error", () => {});
  child.stdin.end(JSON.stringify(job));
  const ended = new Promise<string>((done) => {
    child.on("error", (error) => done(error.message));
    child.on("close", (code, signal) =>
      done(code === 0 ? "" : signal ? `stopped after ${seconds} s` : `exit ${code}: ${lastLine(errors)}`),
    );
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 1000 * seconds);
  let info: PytorchInfo | null = null;
  let absent: string | null = null;
  const figures: PytorchFigure[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    if (!text.startsWith("{")) continue;
    const line = JSON.parse(text) as Line;
    if ("info" in line) ({ info } = line);
    else if ("absent" in line) ({ absent } = line);
    else if ("failed" in line) say(`PyTorch: ${line.failed}`);
    else figures.push(line);
  }
  const problem = await ended;
  clearTimeout(timer);
  if (absent !== null || problem !== "")
    say(`PyTorch is left out${figures.length > 0 ? " in part" : ""}: ${absent ?? problem}`);
  return new PytorchFigures(info, figures);
};

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
