import { expect, test } from "vitest";
import { runHere } from "./run-here.ts";
import { runKillTrials } from "./kill-trials.ts";

// The demo is killed in demo.test.ts.
test(
  "pretrain, finetune and sensitivity, killed at ten moments, end with the bytes of undisturbed runs",
  { timeout: 300_000 },
  async () => {
    const results = await runKillTrials({
      moments: { pretrain: 4, finetune: 3, sensitivity: 3 },
      seed: 1,
      run: runHere,
    });
    expect(results.map(({ command, kills }) => [command, kills])).toEqual([
      ["pretrain", 4],
      ["finetune", 3],
      ["sensitivity", 3],
    ]);
    for (const { command, midway, different, errors } of results) {
      expect(errors, command).toEqual([]);
      expect(different, command).toEqual([]);
      expect(midway, command).toBeGreaterThan(0);
    }
  },
);
