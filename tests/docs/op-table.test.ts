import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { opTable } from "./op-table.ts";

test("docs/generated/ops.md is current; npm run docs:ops makes it so", () => {
  expect(readFileSync(new URL("../../docs/generated/ops.md", import.meta.url), "utf8")).toBe(opTable());
});

test("every op of the families is in the table, once in its family", () => {
  const lines = opTable().split("\n");
  for (const op of ["exp", "matmul", "attention", "adam", "dds", "permute", "embedding"])
    expect(lines.filter((line) => line.startsWith(`| \`${op}\` `)).length).toBe(1);
  expect(lines.find((line) => line.startsWith("| `permute` "))).toContain("| view ");
  expect(lines.find((line) => line.startsWith("| `exp` "))).toMatch(/\| yes +\| (yes|–) +\| any order +\| yes +\|/);
});
