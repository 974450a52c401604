// Every link inside the repository leads somewhere, and a newcomer finds the way from the front page.
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { anchorsOf, docs, linksOf, pages, readPage, root, slugOf } from "./pages.ts";

/** The file that a link of a page leads to, and its anchor. */
const targetOf = (page: string, link: string): { path: string; anchor: string | undefined } => {
  const [file = "", anchor] = link.split("#");
  // In front matter the site's own form: from its root, without an ending.
  if (file.startsWith("/")) return { path: `docs${file}.md`, anchor };
  const path = file === "" ? page : normalize(join(dirname(page), file)).replaceAll("\\", "/");
  return { path, anchor };
};

it("slugs are those of GitHub", () => {
  expect(slugOf("Which layers tolerate it: `sensitivity` and allocation")).toBe(
    "which-layers-tolerate-it-sensitivity-and-allocation",
  );
  expect(slugOf("A [link](x.md), and — a dash")).toBe("a-link-and--a-dash");
});

describe("links", () => {
  it.each(pages)("%s", (page) => {
    for (const link of linksOf(readPage(page))) {
      const { path, anchor } = targetOf(page, link);
      expect(existsSync(join(root, path)), `${link} leads to ${path}, which is not there`).toBe(true);
      if (anchor === undefined || !path.endsWith(".md")) continue;
      expect(anchorsOf(readPage(path)), `${link}: ${path} has no such heading`).toContain(anchor);
    }
  });
});

/** What a newcomer comes for, and the page that begins with it. */
const tasks = {
  "train a model on their own text": "docs/own-model.md",
  "take blocks away": "docs/guide/patching.md",
  "sweep: which layers tolerate it": "docs/sparse-training.md",
  "use the result in transformers": "docs/guide/checkpoints.md",
  "write an op of their own": "docs/guide/extending.md",
};

/** Pages by how many clicks they are from the front page, following what the pages themselves link. */
const clicksFrom = (front: string): ReadonlyMap<string, number> => {
  const clicks = new Map([[front, 0]]);
  for (const [page, count] of clicks)
    for (const link of linksOf(readPage(page))) {
      const { path } = targetOf(page, link);
      if (path.endsWith(".md") && existsSync(join(root, path)) && !clicks.has(path)) clicks.set(path, count + 1);
    }
  return clicks;
};

it.each(Object.entries(tasks))("two clicks from the front page: %s", (_, page) => {
  expect(clicksFrom("docs/index.md").get(page)).toBeLessThanOrEqual(2);
});

it("the front page leads to every page of the guide in two clicks", () => {
  const clicks = clicksFrom("docs/index.md");
  for (const page of docs.filter((path) => path.startsWith("docs/guide/")))
    expect(clicks.get(page) ?? Infinity, page).toBeLessThanOrEqual(2);
});
