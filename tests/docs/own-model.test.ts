// The page's blocks are one program: it runs, learns, comes back as it was, and writes.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TrainingResult } from "@tessera/models";
import type { Module } from "@tessera/nn";
import { afterAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const work = join(root, "tests/.page-blocks");
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What the program has at its end. */
interface Page {
  readonly text: string;
  readonly report: TrainingResult;
  readonly recovered: TrainingResult;
  readonly loaded: Module;
  readonly model: Module;
  readonly best: readonly number[];
  readonly decode: (ids: readonly number[]) => string;
  readonly written: string;
}

it("docs/own-model.md is a program that does what it says", async () => {
  const page = readFileSync(join(root, "docs/own-model.md"), "utf8");
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  expect(blocks).toHaveLength(5);
  mkdirSync(work, { recursive: true });
  const file = join(work, "page.ts");
  writeFileSync(
    file,
    `${blocks.join("\n")}\nexport { text, report, recovered, loaded, model, best, decode, written };\n`,
  );
  const { text, report, recovered, loaded, model, best, decode, written } = (await import(
    /* @vite-ignore */ file
  )) as Page;
  // A guess among its letters costs 2.7 nats.
  expect(report.loss).toBeLessThan(0.5);
  expect(recovered.loss).toBeLessThan(0.5);
  expect(loaded.numParameters() - model.numParameters()).toBe(2 * 64 * 256);
  const words = new Set(text.split(" "));
  const wordsOf = (line: string): string[] => line.split(" ").slice(0, -1);
  for (const line of [decode(best), `a ${written}`]) {
    const known = wordsOf(line).filter((word) => words.has(word));
    expect(known.length / wordsOf(line).length, line).toBeGreaterThan(0.7);
  }
});
