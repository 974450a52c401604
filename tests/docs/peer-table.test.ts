import { expect, it } from "vitest";
import { peerTable, readPeers } from "./peer-table.ts";
import { readPage } from "./pages.ts";

it("docs/generated/peers.md is current; npm run docs:ops makes it so", () => {
  expect(readPage("docs/generated/peers.md")).toBe(peerTable());
});

it("every cell has a source, and every row a cell for each library", () => {
  const { libraries, rows } = readPeers();
  for (const { question, cells } of rows) {
    expect(cells.length, question).toBe(libraries.length);
    for (const { source } of cells) expect(source, question).toMatch(/^(https:\/\/|(\.\.\/)*[\w-/]+\.md$)/);
  }
});
