// What the pages promise a browser: the plain page with its import map, and the built site, where there is one, in any folder of a host.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { serveSite, type Site } from "../../apps/playground/scripts/serve-site.ts";
import { launchChromium } from "../playground/browsers.ts";
import { blocksOf, readPage, root } from "./pages.ts";

const chromium = inject("browser");
const built = join(root, "docs/.vitepress/dist");
let folder: string;
let site: Site;
let browser: Browser;

beforeAll(async () => {
  if (chromium === null) return;
  folder = await mkdtemp(join(tmpdir(), "tessera-docs-"));
  await mkdir(join(folder, "node_modules/@tessera"), { recursive: true });
  for (const name of ["tensor", "autograd"]) {
    if (!existsSync(join(root, "packages", name, "dist/index.js")))
      throw new Error(`packages/${name} is not built; run \`npm run build\` first`);
    await symlink(join(root, "packages", name), join(folder, "node_modules/@tessera", name), "junction");
  }
  const [page] = blocksOf(readPage("docs/guide/getting-started.md")).filter(({ language }) => language === "html");
  await writeFile(join(folder, "index.html"), page!.code);
  site = await serveSite(folder);
  browser = await launchChromium(chromium);
}, 120_000);
afterAll(async () => {
  if (chromium === null) return;
  await browser.close();
  await site.close();
  await rm(folder, { recursive: true });
});

it.skipIf(chromium === null)("the plain page of Getting started computes, by its import map", async () => {
  const page = await browser.newPage();
  await page.goto(site.url);
  await page.waitForFunction(() => document.getElementById("slope")!.textContent === "the slope of x³ at 2 is 12");
  await page.close();
});

it.skipIf(chromium === null || !existsSync(built))(
  "the site, where `npm run docs:build` has built it, runs examples, finds words, and asks no other host",
  async () => {
    const site = await serveSite(built);
    const page = await browser.newPage();
    const failed: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(site.url) && !/^(data|blob):/.test(request.url())) failed.push(request.url());
    });
    page.on("response", (response) => {
      if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`);
    });
    page.on("pageerror", (error) => failed.push(String(error)));

    await page.goto(`${site.url}guide/gradients.html`);
    await page.waitForSelector(".run-block > button:enabled");
    await page.click(".run-block > button");
    await page.waitForFunction(
      () => document.querySelector(".run-output.done")?.textContent === "14 [2, 4, 6]\n[12] [12]",
    );

    await page.click(".VPNavBarSearch button");
    await page.waitForSelector(".search-input");
    await page.type(".search-input", "density");
    await page.waitForSelector(".results .result");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => !location.pathname.endsWith("gradients.html"));
    expect(page.url().startsWith(site.url)).toBe(true);

    await page.goto(site.url);
    await page.click('.vp-doc a[href*="patching"]');
    await page.waitForFunction(() => document.querySelector("h1")?.textContent?.startsWith("Patching"));
    expect(failed).toEqual([]);
    await page.close();
    await site.close();
  },
);
