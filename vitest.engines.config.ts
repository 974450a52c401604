import { defineConfig } from "vitest/config";
import { nodeConditions } from "./vitest.config.ts";

/** What depends on the engine that compiles the kernels, to be run by another Node: see tests/engines/package.json. */
export default defineConfig({
  resolve: { conditions: nodeConditions },
  ssr: { resolve: { conditions: nodeConditions } },
  test: {
    name: `Node ${process.versions.node}`,
    environment: "node",
    globalSetup: "./scripts/vitest-setup.mjs",
    reporters: ["default", "./scripts/totals-reporter.mjs"],
    provide: { gpuSamples: "none", gpuRequired: false, browserRequired: false, browser: null },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    include: [
      "packages/tensor/src/backends/cpu/**/*.test.ts",
      "tests/ops/{builds,conformance,pairs,threads,variant}.test.ts",
      "tests/sparse/{conformance,products}.test.ts",
      "tests/goldens/goldens.test.ts",
      "tests/models/goldens.test.ts",
    ],
  },
});
