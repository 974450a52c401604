// Each package as a page's bundler makes it, from what is published: no externals, no aliases, nothing of Node.
import { build as esbuild } from "esbuild";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { chromium, type Browser } from "playwright";
import { build as vite, createLogger, type Rollup } from "vite";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const path =
  "FileStoreError: runs/mine: expected a store of files, got a path, which only Node can open; in a browser give a MemoryFolder, or a FileStore of your own";
/** What could be the name of a model of the hub. */
const modelName =
  "FileStoreError: runs/mine: expected a folder, or the package @huggingface/hub to download a model of this name, got neither; check the path, or npm install @huggingface/hub";

/** What each program of uses/ finds in a browser. */
const uses: { readonly [name: string]: unknown } = {
  tensor: [22],
  autograd: [2, 4, 6],
  nn: [3.5],
  sparse: { y: [8, 8, 8, 8, 4, 4, 4, 4], gradients: 48 },
  models: {
    status: "finished",
    sameLogits: true,
    folder: modelName,
    text: "DataError: corpus.txt: expected a text, got a path, which only Node can open; in a browser fetch it and give its text to readTextLines, readTsv or parseWordNet",
  },
  roberta: { shape: [1, 3], folder: path },
};

/** The files of a bundle by their paths, and what the bundler had to say against it. */
interface Bundle {
  readonly files: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

const bundlers: { readonly [name: string]: (name: string) => Promise<Bundle> } = {
  esbuild: async (name) => {
    const { outputFiles, warnings } = await esbuild({
      entryPoints: [fileOf(`uses/${name}.ts`)],
      bundle: true,
      write: false,
      platform: "browser",
      format: "esm",
      target: "esnext",
      splitting: true,
      outdir: "/bundle",
      logLevel: "silent",
      // The sources' tsconfig would send it to the sources.
      tsconfigRaw: "{}",
      // It says this of what lies outside of node_modules alone, as a workspace does: chunks import chunks for their order.
      logOverride: { "ignored-bare-import": "silent" },
    });
    const files = outputFiles.map(({ path, text }) => [path.replace(/^.*[\\/]bundle[\\/]/, "/"), text] as const);
    return { files: new Map(files), warnings: warnings.map(({ text }) => text) };
  },
  Vite: async (name) => {
    const warnings: string[] = [];
    const { output } = (await vite({
      configFile: false,
      root: fileOf("uses"),
      logLevel: "warn",
      customLogger: { ...createLogger("silent"), warn: (text) => void warnings.push(text) },
      build: {
        write: false,
        target: "esnext",
        modulePreload: false,
        rollupOptions: {
          input: fileOf(`uses/${name}.ts`),
          output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" },
        },
      },
    })) as Rollup.RollupOutput;
    const files = output.flatMap((file) => (file.type === "chunk" ? [[`/${file.fileName}`, file.code] as const] : []));
    return { files: new Map(files), warnings };
  },
};

if (inject("browser") === null)
  it("bundles of the packages run in a browser", ({ skip }) =>
    skip("there is no Chromium; apt-get install chromium (Debian) or npx playwright install chromium brings one"));

describe.skipIf(inject("browser") === null)("a page that was bundled by", () => {
  let server: Server;
  let browser: Browser;
  let origin: string;
  let files: ReadonlyMap<string, string> = new Map();

  beforeAll(async () => {
    if (!existsSync(fileOf("../../packages/models/dist/index.js")))
      throw new Error("packages/models is not built; run `npm run build` first");
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, "http://page");
      const script = files.get(pathname);
      if (script !== undefined) response.writeHead(200, { "Content-Type": "text/javascript" }).end(script);
      else if (pathname === "/page")
        response
          .writeHead(200, { "Content-Type": "text/html" })
          .end(`<!doctype html><script type="module" src="/${searchParams.get("use")}.js"></script>`);
      else response.writeHead(404).end();
    });
    await new Promise<void>((ready) => server.listen(0, "localhost", ready));
    origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({
      executablePath: inject("browser")!,
      args: ["--no-sandbox", "--disable-background-networking"],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await new Promise((closed) => server.close(closed));
  });

  describe.each(Object.entries(bundlers))("%s", (_, bundle) => {
    it.each(Object.entries(uses))("uses %s", async (name, wanted) => {
      const { files: made, warnings } = await bundle(name);
      expect(warnings).toEqual([]);
      expect([...made.values()].filter((code) => /(from|import)\s*\(?\s*["'](node:|#)/.test(code))).toEqual([]);
      files = made;
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      try {
        await page.goto(`${origin}/page?use=${name}`);
        expect(await page.evaluate(() => globalThis.found)).toEqual(wanted);
        expect(errors).toEqual([]);
      } finally {
        await page.close();
      }
    });
  });
});
