import { defaultClientConditions, defineConfig } from "vite";

/** With these a page may share memory between threads. Hosts that cannot send them have the service worker. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({
  // The page works from any folder of any host.
  base: "./",
  // Straight from the packages' sources: no build of theirs comes first.
  resolve: { conditions: ["@tessera/source", ...defaultClientConditions] },
  build: {
    target: "es2022",
    outDir: "dist",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    rollupOptions: { external: [/^node:/, "webgpu"] },
  },
  worker: { format: "es", rollupOptions: { external: [/^node:/, "webgpu"] } },
  server: { headers: isolation },
  preview: { headers: isolation },
});
