import { expect, test } from "vitest";
import { files } from "./files.ts";
import type { Failure } from "./program.ts";

test("a thousand hostile files give the right answer or a typed error, and leave no tensor behind", async () => {
  const failures: Failure[] = [];
  const tally = await files.run({ seed: 1, from: 0, to: 1000, onFailure: (failure) => failures.push(failure) });
  expect(failures).toEqual([]);
  // Neither outcome is all there is: changes that do no harm are read.
  const of = (outcome: string): number =>
    Object.entries(tally).reduce((sum, [key, count]) => sum + (key.endsWith(`: ${outcome}`) ? count : 0), 0);
  expect(of("read")).toBeGreaterThan(50);
  expect(of("refused")).toBeGreaterThan(500);
  expect(of("read") + of("refused")).toBe(1000);
});
