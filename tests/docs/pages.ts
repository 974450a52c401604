// Every page of words in the repository, and what is in it.
import { readFileSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Not written by hand, not ours, or tested where it lands (`tessera new`). */
const skipped = /^(node_modules|generated|api|dist|template|\..*)$/;

/** Paths of the files below `folder` whose names match, relative to the root, with forward slashes. */
const filesBelow = (folder: string, name: RegExp): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name).split(sep).join("/");
    if (entry.isDirectory()) return skipped.test(entry.name) ? [] : filesBelow(path, name);
    return name.test(entry.name) ? [path] : [];
  });

/** The pages of the site, by their paths from the root. */
export const docs = filesBelow("docs", /\.md$/).sort();

/** All pages: those of the site, the READMEs, and what lies at the root. */
export const pages = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...["packages", "apps", "bench"].flatMap((folder) => filesBelow(folder, /^README\.md$/)),
  ...docs,
].sort();

export const readPage = (path: string): string => readFileSync(join(root, path), "utf8");

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly code: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
}

export const blocksOf = (text: string): Block[] =>
  [...text.matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    code: match[2]!,
    line: text.slice(0, match.index).split("\n").length,
  }));

/** The text with blocks and code between backticks taken out: what is left are words, headings and links. */
const wordsOf = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, "`");

/** Where links and pictures of a page lead, without those to other sites. */
export const linksOf = (text: string): string[] =>
  [...wordsOf(text).matchAll(/\]\(([^()\s]+)\)|^\s+link: (\S+)$/gm)]
    .map((match) => match[1] ?? match[2]!)
    .filter((link) => !/^[a-z]+:/.test(link));

/** The anchors of a page's headings, as GitHub and the site write them. */
export const anchorsOf = (text: string): string[] => {
  const anchors: string[] = [];
  const seen = new Map<string, number>();
  for (const [, heading] of text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = slugOf(heading!);
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    anchors.push(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
};

/** GitHub's: letters in lower case, a hyphen for each space, other marks left out. */
export const slugOf = (heading: string): string =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[`*]/g, "")
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
