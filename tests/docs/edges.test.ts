import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { edgeDifferences } from "../goldens/edge-differences.ts";

it("docs/edges.md has a row for each difference that is meant", () => {
  const page = readFileSync(new URL("../../docs/edges.md", import.meta.url), "utf8");
  for (const { op, of, at, ours, torch, reason } of edgeDifferences)
    expect(page).toMatch(rowOf([`\`${op}\` ${of}`, at, ours, torch, reason]));
});

/** A row of a table with these cells, however they are padded. */
const rowOf = (cells: readonly string[]): RegExp =>
  new RegExp(`^\\| ${cells.map((cell) => cell.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(" +\\| ")} +\\|$`, "m");
