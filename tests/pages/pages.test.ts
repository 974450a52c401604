// Pages as others serve them: with a content-security policy that allows too little, and with the work in a worker.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { chromium, type Browser } from "playwright";
import { build, defaultClientConditions, type Rollup } from "vite";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Findings } from "./probe.ts";

const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const policy = (text: string): Record<string, string> => ({ "Content-Security-Policy": text });

/** What each page is served with. */
const pages: { readonly [path: string]: Record<string, string> } = {
  "/no-wasm": policy("script-src 'self'"),
  "/no-blob-worker": { ...ISOLATED, ...policy("script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'") },
  "/strict-enough": { ...ISOLATED, ...policy("script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:") },
};
const HTML = '<!doctype html><title>probe</title><script type="module" src="/probe.js"></script>';

/** The probe and the package, as a bundler makes them of the sources. */
const bundle = async (): Promise<ReadonlyMap<string, string>> => {
  const output = (await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL(".", import.meta.url)),
    resolve: { conditions: ["@tessera/source", ...defaultClientConditions] },
    build: {
      write: false,
      target: "esnext",
      minify: false,
      modulePreload: false,
      rollupOptions: {
        input: fileURLToPath(new URL("probe.ts", import.meta.url)),
        // Reached in Node alone.
        external: [/^node:/, "webgpu"],
        output: { entryFileNames: "[name].js", chunkFileNames: "[name].js" },
      },
    },
  })) as Rollup.RollupOutput;
  return new Map(output.output.flatMap((file) => (file.type === "chunk" ? [[`/${file.fileName}`, file.code]] : [])));
};

describe.skipIf(inject("browser") === null)("a page", () => {
  let server: Server;
  let browser: Browser;
  let origin: string;

  beforeAll(async () => {
    const scripts = await bundle();
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, "http://page");
      const script = scripts.get(pathname);
      const headers = pages[pathname];
      // A worker is as isolated, and as restricted, as its own response says.
      if (script !== undefined) response.writeHead(200, { ...ISOLATED, "Content-Type": "text/javascript" }).end(script);
      else if (headers) response.writeHead(200, { ...headers, "Content-Type": "text/html" }).end(HTML);
      else response.writeHead(404).end();
    });
    await new Promise<void>((ready) => server.listen(0, "localhost", ready));
    origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({
      executablePath: inject("browser")!,
      args: [
        "--no-sandbox",
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--disable-background-networking",
      ],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await new Promise((closed) => server.close(closed));
  });

  const findingsOf = async (path: string): Promise<Findings> => {
    const page = await browser.newPage();
    try {
      await page.goto(`${origin}${path}`);
      return await page.evaluate(() => globalThis.findings);
    } finally {
      await page.close();
    }
  };

  it("whose policy has no wasm-unsafe-eval is told so when cpu is first used; the other devices work", async () => {
    const { cpu, ...others } = await findingsOf("/no-wasm");
    expect(cpu).toMatch(
      /^DeviceError: cpu: the engine refused the kernels .* must allow 'wasm-unsafe-eval' in script-src, .*setDefaultDevice\("reference"\)$/,
    );
    expect(others).toEqual({ isolated: false, reference: 0, webgpu: 0 });
  });

  it("whose policy has no worker-src blob: works on one thread", async () => {
    const found = await findingsOf("/no-blob-worker");
    expect(found).toEqual({ isolated: true, cpu: { wrong: 0, joined: 1 }, reference: 0, webgpu: 0 });
  });

  it("whose policy has both works on several threads", async () => {
    const found = await findingsOf("/strict-enough");
    expect(found).toEqual({ isolated: true, cpu: { wrong: 0, joined: 3 }, reference: 0, webgpu: 0 });
  });

  it("with the work in a dedicated worker has threads and the GPU there", async () => {
    const found = await findingsOf("/strict-enough?worker");
    expect(found).toEqual({ isolated: true, cpu: { wrong: 0, joined: 3 }, reference: 0, webgpu: 0 });
  });
});
