// Every link inside the repository leads somewhere, and a newcomer finds the way from the front page.
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { anchorsOf, linksOf, pages, readPage, root, slugOf } from "./pages.ts";

/** The file that a link of a page leads to, and its anchor. */
const targetOf = (page: string, link: string): { path: string; anchor: string | undefined } => {
  const [file = "", anchor] = link.split("#");
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
