// `npm run playground:picture`: docs/images/playground.webp, the page at work as the README shows it, and still pictures beside it.
// Needs Chromium and ffmpeg (Debian: apt-get install chromium ffmpeg), and the built page.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer, { type Page } from "puppeteer-core";
import { ISOLATION, serveSite } from "./serve-site.ts";

const [WIDTH, HEIGHT] = [1200, 760];
const FRAMES_PER_SECOND = 4;
const MAX_BYTES = 3e6;
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const images = fileURLToPath(new URL("../../../docs/images/", import.meta.url));

const frames = await mkdtemp(join(tmpdir(), "tessera-frames-"));
const site = await serveSite(dist, ISOLATION);
const browser = await puppeteer.launch({
  browser: "chrome",
  executablePath: process.env.TESSERA_CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-background-networking"],
});
let taken = 0;

/** Takes pictures for some seconds, as many a second as the moving picture has. */
const film = async (page: Page, seconds: number): Promise<void> => {
  for (let i = 0; i < seconds * FRAMES_PER_SECOND; i++) {
    const next = new Promise((done) => setTimeout(done, 1000 / FRAMES_PER_SECOND));
    await page.screenshot({ path: join(frames, `${String(taken++).padStart(4, "0")}.png`) });
    await next;
  }
};

const press = (page: Page, name: string): Promise<void> =>
  page.evaluate((wanted) => {
    [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === wanted)?.click();
  }, name);

try {
  const page = await browser.newPage();
  await page.setViewport({ width: WIDTH, height: HEIGHT });
  await page.goto(`${site.url}#density=0.3&method=rigl&every=10&fraction=0.16`);
  await page.waitForSelector(".play");
  await film(page, 1);
  await press(page, "Train");
  await page.waitForSelector("[data-testid=guesses] li");
  await film(page, 4);
  await press(page, "Patch now");
  await film(page, 11);
  await page.setViewport({ width: 1440, height: 1000 });
  await page.screenshot({ path: join(images, "playground.png") });
} finally {
  await browser.close();
  await site.close();
}

const target = join(images, "playground.webp");
const { status, error } = spawnSync(
  "ffmpeg",
  [
    "-y",
    "-loglevel",
    "error",
    "-framerate",
    String(FRAMES_PER_SECOND),
    "-i",
    join(frames, "%04d.png"),
    "-vf",
    "scale=860:-1:flags=lanczos",
    "-loop",
    "0",
    "-c:v",
    "libwebp",
    "-quality",
    "50",
    target,
  ],
  { stdio: "inherit" },
);
await rm(frames, { recursive: true });
if (error || status !== 0) throw new Error("ffmpeg made no picture; is it installed?", { cause: error });
const { size } = await stat(target);
process.stdout.write(`docs/images/playground.webp: ${taken} frames, ${(size / 1e6).toFixed(2)} MB\n`);
if (size > MAX_BYTES) throw new Error(`the picture has ${size} bytes, at most ${MAX_BYTES}`);
