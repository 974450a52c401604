import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { parseOptions } from "../../bench/options.ts";
import { cpusIn, wholeCores } from "../../bench/whole-cores.ts";

describe.runIf(process.platform === "linux")("whole cores", () => {
  it("names different CPUs, and refuses more than there are", () => {
    expect(wholeCores(1)).toHaveLength(1);
    expect(() => wholeCores(availableParallelism() + 1)).toThrow(/need \d+ cores, this process may use/);
  });
});

it("reads Linux's lists of CPUs", () => {
  expect(cpusIn("0-3,8\n")).toEqual([0, 1, 2, 3, 8]);
  expect(cpusIn("5")).toEqual([5]);
});

it("runs the section beside PyTorch where a Python is named", () => {
  expect(parseOptions(["cpu"])!.only).not.toContain("pytorch");
  expect(parseOptions(["cpu", "--python", "python3"])!.only).toContain("pytorch");
  expect(() => parseOptions(["cpu", "--only", "pytorch"])).toThrow("name it: --python python3");
});
