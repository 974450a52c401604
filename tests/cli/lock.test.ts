import { expect, test } from "vitest";
import { runLockTrials } from "./lock-trials.ts";

test("after a kill two processes that come at once never both own the folder", { timeout: 120_000 }, async () => {
  const results = await runLockTrials({ pairs: { killed: 6, plain: 2, blocked: 1, stale: 1 }, seed: 1 });
  expect(results).toHaveLength(10);
  expect(results.filter(({ fits }) => !fits)).toEqual([]);
});
