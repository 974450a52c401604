import { defaultServerConditions } from "vite";
import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

// Chromium brings a software GPU, which Node can use too. Whoever has another driver in mind says so in the environment.
const softwareGpu = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (existsSync(softwareGpu)) process.env.VK_ICD_FILENAMES ??= softwareGpu;

/** Tests import packages by name and run from their sources: no build between an edit and its test. */
const conditions = ["@tessera/source", ...defaultServerConditions];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: "./scripts/vitest-setup.mjs",
    reporters: ["default", "./scripts/totals-reporter.mjs"],
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          environment: "node",
          // A machine that is busy is slow, not wrong: this only ends what hangs.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "tests/**/*.test.ts"],
        },
      },
    ],
  },
});
