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
  redisRequired: process.env.TESSERA_REQUIRE_REDIS === "1",
  browser: browser ?? null,
};

/** Tests import packages by name and run from their sources: no build between an edit and its test. */
export const nodeConditions = ["@tessera/source", ...defaultServerConditions];

/** With these a page may share memory between threads. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/**
 * The same in both pages: every sample on cpu, the goldens and the RoBERTa trajectories on cpu and webgpu, leak checks around them all.
 * Isolation is nothing to the GPU, whose software adapter takes a second for many a shader here: on the page without it a quarter of
 * webgpu's samples run, and tests of layers do not, which are made of the ops that do. Left out of both: finite differences, which are
 * about the reference alone; sparse/products.test.ts, whose products the samples and goldens have; what needs files or processes.
 */
const inBrowser = (name: string, headers: Record<string, string>): TestProjectConfiguration => ({
  extends: true,
  resolve: { conditions: ["@tessera/source", ...defaultClientConditions] },
  server: { headers },
  test: {
    name,
    provide: { isolated: headers === isolation, gpuSamples: headers === isolation ? "all" : "some" },
    // The goldens on webgpu compile hundreds of shaders in one test: more than a minute, and several on a machine that is busy.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    include: ["tests/browser/**/*.test.ts"],
    exclude: headers === isolation ? [] : ["tests/browser/layers.test.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          ...(browser === undefined ? {} : { executablePath: browser }),
          args: [
            "--no-sandbox",
            "--enable-unsafe-webgpu",
            "--use-webgpu-adapter=swiftshader",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
          ],
        },
      }),
      instances: [{ browser: "chromium" }],
    },
  },
});

/** Files that take the GPU away, count what opening it does, fill all memory, or load modules anew: each has a process, and a device, of its own. */
const ALONE = [
  ...["device", "faults", "out-of-memory", "reading", "training-after-loss"].map(
    (name) => `tests/webgpu/${name}.test.ts`,
  ),
  "tests/tensor/out-of-memory.test.ts",
  "tests/ops/engine.test.ts",
  "tests/ops/error-bounds.test.ts",
  "tests/cli/queue.test.ts",
];

export default defineConfig({
  resolve: { conditions: nodeConditions },
  ssr: { resolve: { conditions: nodeConditions } },
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
          // Files share a process: modules are loaded, and shaders compiled by the software GPU, once for all of them.
          isolate: false,
          setupFiles: ["tests/support/shared-process.ts"],
          provide: { gpuSamples: "all" },
          // A machine that is busy is slow, not wrong: this only ends what hangs.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "tests/**/*.test.ts"],
          exclude: ["tests/browser/**", ...ALONE],
        },
      },
      {
        extends: true,
        test: {
          name: "node, alone",
          environment: "node",
          provide: { gpuSamples: "all" },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          include: ALONE,
        },
      },
      {
        extends: true,
        test: {
          // As on engines without relaxed SIMD. Only the kernels of `cpu` differ: all else has been tested above.
          name: "node, separate multiply-adds",
          environment: "node",
          isolate: false,
          setupFiles: ["tests/support/shared-process.ts"],
          env: { TESSERA_WASM: "base" },
          provide: { gpuSamples: "none" },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          include: [
            "tests/ops/{conformance,loss,threads,update,variant}.test.ts",
            "tests/nn/conformance.test.ts",
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
