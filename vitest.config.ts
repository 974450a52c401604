import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

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
