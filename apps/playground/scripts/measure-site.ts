// `npm run playground:measure`: what the built page weighs, when it paints, and how long the main thread is busy while it trains and draws.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import puppeteer from "puppeteer-core";
import { ISOLATION, serveSite } from "./serve-site.ts";

const TRAIN_MS = 15_000;
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
if (!existsSync(join(dist, "index.html"))) throw new Error("there is no built page; npm run build first");

const packed = (file: string): number => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
const assets = readdirSync(join(dist, "assets")).map((file) => `assets/${file}`);
const html = readFileSync(join(dist, "index.html"), "utf8");
const first = ["index.html", "mark.svg", ...assets.filter((file) => html.includes(file))];

const site = await serveSite(dist, ISOLATION);
const browser = await puppeteer.launch({
  browser: "chrome",
  executablePath: process.env.TESSERA_CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-background-networking"],
});
const page = await browser.newPage();
await page.setViewport({ width: 1440, height: 1000 });
await page.evaluateOnNewDocument(() => {
  const tasks: number[] = ((globalThis as unknown as { tasks: number[] }).tasks = []);
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
    type: "longtask",
    buffered: true,
  });
});
await page.goto(site.url);
await page.waitForSelector(".play");
const paint = await page.evaluate(
  () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
);
await page.click(".play");
await page.waitForFunction(() => document.querySelector(".play")?.textContent.includes("Pause"));
const training = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks.length);
await new Promise((done) => setTimeout(done, TRAIN_MS));
const tasks = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks);
const numbers = await page.$$eval(".tile", (tiles) => tiles.map((tile) => tile.textContent).join(", "));
await browser.close();
await site.close();

const long = tasks.slice(training);
const lines = [
  `first picture   ${kB(first.reduce((sum, file) => sum + packed(file), 0))} compressed, in ${first.length} files`,
  ...assets
    .filter((file) => !first.includes(file))
    .map((file) => `later           ${kB(packed(file))} compressed: ${file}`),
  `first paint     ${paint.toFixed(0)} ms after the request, from this machine`,
  `while opening   ${training} tasks of more than 50 ms, the longest ${Math.max(0, ...tasks.slice(0, training)).toFixed(0)} ms`,
  `while training  ${long.length} tasks of more than 50 ms in ${TRAIN_MS / 1000} s, the longest ${Math.max(0, ...long).toFixed(0)} ms`,
  `then            ${numbers}`,
];
process.stdout.write(`${lines.join("\n")}\n`);
