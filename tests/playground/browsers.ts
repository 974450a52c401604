// The browsers that are on this machine, driven by puppeteer-core: Chromium by its own protocol, Firefox by WebDriver BiDi.
import { existsSync } from "node:fs";
import puppeteer, { type Browser } from "puppeteer-core";

const firefoxPath = [process.env.TESSERA_FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"].find(
  (path) => path !== undefined && existsSync(path),
);

/** Where Firefox is; `null` where it is not: `apt-get install firefox-esr` brings it. */
export const firefox: string | null = firefoxPath ?? null;

/** Names no setting of the visitor's: a profile of its own, nothing fetched in the background. */
export const launchFirefox = (executablePath: string): Promise<Browser> =>
  puppeteer.launch({ browser: "firefox", executablePath, headless: true });

export const launchChromium = (executablePath: string): Promise<Browser> =>
  puppeteer.launch({
    browser: "chrome",
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--disable-background-networking",
      "--disable-component-update",
      "--no-first-run",
    ],
  });
