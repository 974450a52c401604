import { spawn } from "node:child_process";
import { CommandError, Interrupted } from "../terminal/command-error.ts";
import type { Supervision } from "../training/train-model.ts";

/** Runs a process and resolves to its output. Rejects unless it ends with 0. */
const captureOutput = (args: readonly string[], stop: AbortSignal): Promise<string> =>
  new Promise((done, failed) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], signal: stop });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    child.on("error", (error) => failed(stop.aborted ? new Interrupted("stopped while evaluating") : error));
    child.on("close", (code) => {
      if (code === 0) done(output);
      else if (stop.aborted) failed(new Interrupted("stopped while evaluating"));
      else
        failed(
          new CommandError(
            `evaluate: expected a new process to read the model, it ended with ${code}: ${errors.trim()}`,
          ),
        );
    });
  });

/**
 * Runs `tessera evaluate` on a saved model in a process of its own.
 *
 * @throws {CommandError} if its numbers are not those that this process found, to the last bit
 */
export const evaluateInNewProcess = async (
  folder: string,
  expected: { accuracy: number; loss: number },
  device: string,
  { stop }: Supervision,
): Promise<{ accuracy: number; loss: number }> => {
  const self = [...process.execArgv, process.argv[1]!];
  const output = await captureOutput([...self, "evaluate", folder, "--json", "--device", device], stop);
  const { accuracy, loss } = JSON.parse(output) as { accuracy: number; loss: number };
  if (accuracy !== expected.accuracy || loss !== expected.loss) {
    throw new CommandError(
      `evaluate: expected ${folder} to have accuracy ${expected.accuracy} and loss ${expected.loss} in a new process, got ${accuracy} and ${loss}`,
    );
  }
  return { accuracy, loss };
};
