import { playwright } from "@vitest/browser-playwright";
import { existsSync } from "node:fs";
import { chromium } from "playwright";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";

// Chromium brings a software GPU, which Node can use too. Whoever has another driver in mind says so in the environment.
const softwareGpu = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (existsSync(softwareGpu)) process.env.VK_ICD_FILENAMES ??= softwareGpu;

/** Chromium: the one that TESSERA_CHROMIUM names, the system's, or playwright's own; `undefined` where there is none. */
const browser = [process.env.TESSERA_CHROMIUM, "/usr/bin/chromium", chromium.executablePath()].find(
  (path) => path !== undefined && existsSync(path),
);

// `.ci/run` sets these: what it has installed must be found.
const provide = {
  gpuRequired: process.env.TESSERA_REQUIRE_GPU === "1",
  browserRequired: process.env.TESSERA_REQUIRE_BROWSER === "1",
  browser: browser ?? null,
};

/** Tests import packages by name and run from their sources: no build between an edit and its test. */
const conditions = ["@tessera/source", ...defaultServerConditions];

/** With these a page may share memory between threads. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

const inBrowser = (name: string, headers: Record<string, string>): TestProjectConfiguration => ({
  extends: true,
  resolve: { conditions: ["@tessera/source", ...defaultClientConditions] },
  server: { headers },
  test: {
    name,
    // Isolation is nothing to the GPU: all of its samples run once in a browser.
    provide: { isolated: headers === isolation, gpuSamples: headers === isolation ? "all" : "some" },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    include: ["tests/browser/**/*.test.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          ...(browser === undefined ? {} : { executablePath: browser }),
          args: [
            ...["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--no-first-run"],
            ...["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"],
          ],
        },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
});

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: "./scripts/vitest-setup.mjs",
    reporters: ["default", "./scripts/totals-reporter.mjs"],
    provide,
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          environment: "node",
          provide: { gpuSamples: "all" },
          // A machine that is busy is slow, not wrong: this only ends what hangs.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "tests/**/*.test.ts"],
          exclude: ["tests/browser/**"],
        },
      },
      {
        extends: true,
        test: {
          // As on engines without relaxed SIMD. Only the kernels of `cpu` differ: all else has been tested above.
          name: "node, separate multiply-adds",
          environment: "node",
          env: { TESSERA_WASM: "base" },
          provide: { gpuSamples: "none" },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          include: [
            "tests/ops/{conformance,threads,update,variant}.test.ts",
            "tests/sparse/**/*.test.ts",
            "tests/optim/**/*.test.ts",
          ],
          exclude: ["tests/sparse/multiply-adds.test.ts"],
        },
      },
      ...(browser === undefined ? [] : [inBrowser("browser", {}), inBrowser("isolated browser", isolation)]),
    ],
  },
});
