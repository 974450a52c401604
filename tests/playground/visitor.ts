// What a visitor does on the page, in any browser.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type * as Axe from "axe-core";
import type { Browser, Page } from "puppeteer-core";

/** A model that trains in seconds on a busy machine. */
export const SMALL = "#start=scratch&layers=1&hidden=64&vocab=512&batch=4&lr=0.002";

export interface Visit {
  readonly page: Page;
  /** What the page threw, and what it wrote as an error. */
  readonly errors: string[];
}

export const visit = async (browser: Browser, url: string, prepare?: () => void): Promise<Visit> => {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push((error as Error).message));
  if (prepare) await page.evaluateOnNewDocument(prepare);
  await page.goto(url);
  await page.waitForSelector(".play");
  return { page, errors };
};

/** Presses the button with this text or label, once it can be pressed. */
export const press = async (page: Page, name: string): Promise<void> => {
  await page.waitForFunction(
    (wanted) => {
      const all = [...document.querySelectorAll("button")];
      const found = all.find((one) => (one.ariaLabel ?? one.textContent.trim()) === wanted && !one.disabled);
      found?.click();
      return found !== undefined;
    },
    { polling: 100 },
    name,
  );
};

/** Sets a select, a slider, a tick or a text by its label. */
export const choose = (page: Page, label: string, value: string | boolean): Promise<void> =>
  page.evaluate(
    (wanted, next) => {
      const found = [...document.querySelectorAll("label")].find((one) => one.textContent.trim().startsWith(wanted));
      const control = found?.htmlFor ? document.getElementById(found.htmlFor) : found?.querySelector("input");
      if (!control) throw new Error(`there is no control labelled ${wanted}`);
      if (typeof next === "boolean") {
        if ((control as HTMLInputElement).checked !== next) control.click();
        return;
      }
      (control as HTMLInputElement).value = next;
      control.dispatchEvent(new Event(control instanceof HTMLSelectElement ? "change" : "input", { bubbles: true }));
    },
    label,
    value,
  );

/** The number in a tile. */
export const tile = (page: Page, name: string): Promise<number> =>
  page.evaluate((wanted) => {
    const found = [...document.querySelectorAll(".tile")].find(
      (one) => one.querySelector("dt")?.textContent === wanted,
    );
    return Number.parseFloat((found?.querySelector("dd")?.textContent ?? "").replaceAll(",", ""));
  }, name);

/** Waits until a tile's number is beyond a bound. */
export const until = async (page: Page, name: string, beyond: (value: number) => boolean): Promise<number> => {
  const end = Date.now() + 120_000;
  for (;;) {
    const value = await tile(page, name);
    if (beyond(value)) return value;
    if (Date.now() > end) throw new Error(`${name} stayed at ${value}; the page says: ${await words(page)}`);
    await new Promise((done) => setTimeout(done, 200));
  }
};

export const words = (page: Page, selector = ".notices"): Promise<string> =>
  page.$eval(selector, (element) => element.textContent);

/** Waits for words somewhere on the page. */
export const read = async (page: Page, pattern: RegExp, selector = "body"): Promise<string> => {
  await page.waitForFunction(
    (where, source) => new RegExp(source).test(document.querySelector(where)?.textContent ?? ""),
    { polling: 200 },
    selector,
    pattern.source,
  );
  return words(page, selector);
};

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Violations of the WCAG's levels A and AA, and of best practice, one line each. */
export const violations = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: engine } = globalThis as unknown as { axe: typeof Axe };
    const { violations } = await engine.run(document);
    return violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(" ")).join("; ")}`,
    );
  });
};
