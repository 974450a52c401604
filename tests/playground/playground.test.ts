// The page as visitors use it: trained, patched, swept, reloaded, saved and loaded, in Chromium and Firefox; and the states that it must
// have words for.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ISOLATION, serveSite, type Site } from "../../apps/playground/scripts/serve-site.ts";
import { firefox, launchChromium, launchFirefox } from "./browsers.ts";
import { buildSite } from "./build-site.ts";
import { choose, press, read, SMALL, tile, until, violations, visit, words } from "./visitor.ts";

const chromium = inject("browser");
let folder: string;
let isolated: Site;
let plain: Site;

beforeAll(async () => {
  if (chromium === null && firefox === null) return;
  folder = await buildSite();
  isolated = await serveSite(folder, ISOLATION);
  plain = await serveSite(folder);
}, 300_000);
afterAll(async () => {
  if (!folder) return;
  await Promise.all([isolated.close(), plain.close()]);
  await rm(folder, { recursive: true });
});

/** Keeps what the page would download where the test finds it. */
const catchDownloads = (): void => {
  const kept = ((globalThis as unknown as { downloads: Blob[] }).downloads = []);
  const make = URL.createObjectURL.bind(URL);
  URL.createObjectURL = (blob: Blob) => {
    (kept as Blob[]).push(blob);
    return make(blob);
  };
  HTMLAnchorElement.prototype.click = () => undefined;
};

/** Gives the last download back through the file input. */
const loadLastDownload = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const { downloads } = globalThis as unknown as { downloads: Blob[] };
    const input = document.querySelector<HTMLInputElement>('input[accept=".zip"]')!;
    const transfer = new DataTransfer();
    transfer.items.add(new File([downloads.at(-1)!], "run.zip"));
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

const noServiceWorker = (): void => {
  delete (Navigator.prototype as { serviceWorker?: unknown }).serviceWorker;
};

/** The whole story, from an empty page to a run that was saved and loaded. */
const story = async (page: Page): Promise<void> => {
  await press(page, "Train");
  const first = await until(page, "loss", (loss) => loss > 0);
  await until(page, "step", (step) => step >= 40);
  await until(page, "loss", (loss) => loss < first - 0.3);
  await page.waitForSelector("[data-testid=guesses] li");

  await choose(page, "Density", "0.5");
  await choose(page, "How", "set");
  await choose(page, "Change every", "5");
  await press(page, "Patch now");
  await read(page, /a step takes [\d.]+ ms instead of [\d.]+ ms/, "[data-testid=cost]");
  const sparse = await tile(page, "step");
  await until(page, "step", (step) => step >= sparse + 10);

  await choose(page, "Recover", "0");
  await press(page, "Find out");
  await page.waitForFunction(() => document.querySelectorAll(".heat td:not(.empty)").length >= 3, { polling: 100 });
  await press(page, "Pause sweep");
  await press(page, "Resume sweep");
  await press(page, "Cancel sweep");

  await press(page, "Pause");
  await page.waitForFunction(() => document.querySelector(".play")?.textContent.includes("Train"));
  const paused = await tile(page, "step");
  expect(await violations(page)).toEqual([]);
  await page.evaluate(catchDownloads);
  await press(page, "Run and model (.zip)");
  await read(page, /was saved/, ".save");
  await press(page, "mosaic as SVG");
  await read(page, /mosaic\.svg was saved/, ".save");
  await press(page, "Run and model (.zip)");
  await read(page, /sparse-step-\d+\.zip was saved/, ".save");
  await loadLastDownload(page);
  await until(page, "step", (step) => step === paused);
  await page.reload();
  await until(page, "step", (step) => step === paused);
  await press(page, "Train");
  await until(page, "step", (step) => step > paused);
};

describe.skipIf(chromium === null)("the playground in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromium!);
  });
  afterAll(() => browser?.close());

  it("tells its whole story on threads, where the host isolates it", async () => {
    const { page, errors } = await visit(browser, isolated.url + SMALL);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await story(page);
    expect(errors).toEqual([]);
    await page.close();
  });
});

describe.skipIf(chromium === null)("states of the playground", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromium!);
  });
  afterAll(() => browser?.close());

  it("trains on one thread without isolation, and says so", async () => {
    const { page } = await visit(browser, plain.url + SMALL, noServiceWorker);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await press(page, "Train");
    await until(page, "step", (step) => step >= 5);
    await read(page, /One thread/, ".notices");
    await page.close();
  });

  it("isolates itself by a service worker on a host that sends no headers", async () => {
    const { page } = await visit(browser, plain.url);
    await page.waitForFunction(() => crossOriginIsolated, { polling: 200 });
    await page.close();
  });

  it("has words for an engine without SIMD", async () => {
    const { page } = await visit(browser, isolated.url, () => {
      WebAssembly.validate = () => false;
    });
    await read(page, /too old to train here/, ".notices");
    await page.close();
  });

  it("has words for a second tab, which can take over", async () => {
    const one = await visit(browser, isolated.url + SMALL);
    const two = await visit(browser, isolated.url + SMALL);
    await read(two.page, /open in another tab/, ".notices");
    await press(two.page, "Train here instead");
    await read(one.page, /open in another tab/, ".notices");
    await two.page.waitForFunction(() => document.querySelector(".notices")!.textContent === "", { polling: 200 });
    await one.page.close();
    await two.page.close();
  });

  it("pauses while it is hidden, and goes on", async () => {
    const { page } = await visit(browser, isolated.url + SMALL);
    await press(page, "Train");
    await until(page, "step", (step) => step >= 3);
    const hide = (hidden: boolean) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    await hide(true);
    await read(page, /Paused while the tab was hidden/, ".notices");
    const step = await tile(page, "step");
    await hide(false);
    await until(page, "step", (now) => now > step);
    await page.close();
  });

  it("fits a phone, and opens from the disk with words", async () => {
    const { page } = await visit(browser, isolated.url + SMALL);
    await page.setViewport({ width: 390, height: 844 });
    await press(page, "Train");
    await until(page, "step", (step) => step >= 3);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await page.goto(pathToFileURL(join(folder, "index.html")).href);
    await read(page, /Serve the folder instead/);
    await page.close();
  });

  it("trains on the GPU, and goes on with the CPU when that is lost", async () => {
    const { page } = await visit(browser, isolated.url + SMALL);
    await press(page, "Train");
    await until(page, "step", (step) => step >= 3);
    const worker = page.workers().find((one) => one.url().includes("worker"))!;
    await worker.evaluate(() => {
      const { prototype } = GPUAdapter;
      // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on its own adapter below
      const request = prototype.requestDevice;
      prototype.requestDevice = async function (...args) {
        const device = await request.apply(this, args);
        (globalThis as unknown as { lostLater: GPUDevice }).lostLater = device;
        return device;
      };
    });
    await choose(page, "Device", "webgpu");
    await press(page, "Start over with these choices");
    await page.waitForFunction(() => document.querySelector(".play")?.textContent.includes("Pause"), { polling: 200 });
    await until(page, "step", (step) => step >= 2);
    await worker.evaluate(() => (globalThis as unknown as { lostLater: GPUDevice }).lostLater.destroy());
    await read(page, /The GPU was lost/, ".notices");
    await press(page, "Go on with the CPU");
    await until(page, "step", (step) => step >= 3);
    expect(await words(page)).not.toContain("lost");
    await page.close();
  });
});

it("the playground is tried in Firefox", ({ skip }) => {
  if (firefox === null && !inject("browserRequired"))
    skip("there is no Firefox; apt-get install firefox-esr (Debian) brings one, and TESSERA_FIREFOX may name another");
  expect(firefox).not.toBeNull();
});

describe.skipIf(firefox === null)("the playground in Firefox", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchFirefox(firefox!);
  });
  afterAll(() => browser?.close());

  it("tells its whole story", async () => {
    const { page, errors } = await visit(browser, isolated.url + SMALL);
    await story(page);
    expect(errors).toEqual([]);
    await page.close();
  });
});
