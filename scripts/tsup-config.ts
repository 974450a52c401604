// The tsup configuration of every package, derived from the package's own `exports`: what is exported is what is built.
import { readFileSync, readdirSync } from "node:fs";
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Options } from "tsup";

/** Without `default`: for the monorepo alone, never built. */
type Target = { "@tessera/source": string; default?: string };
type Exports = Record<string, string | Target>;
/** `#name`s, by environment: `{ "#disk": { browser: …, default: … } }`. */
type Imports = Record<string, Record<string, Target>>;

/** All files below `folder`, as paths with forward slashes relative to `root`. */
const filesBelow = (root: string, folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, `${entry.parentPath}/${entry.name}`).split(sep).join("/"));

// An export `"./ops/*": { "@tessera/source": "./src/ops/*/*.ts", default: "./dist/ops/*.js" }` and a file
// `src/ops/softmax/softmax.ts` give the entry `{ "ops/softmax": "src/ops/softmax/softmax.ts" }`.
const entriesOf = (root: string, targets: readonly (string | Target)[]): Record<string, string> => {
  const files = filesBelow(root, `${root}/src`);
  const entries: Record<string, string> = {};
  for (const target of targets) {
    if (typeof target === "string" || target.default === undefined) continue;
    const { default: built } = target;
    // The first star captures, the others repeat it, as in Node's resolution of patterns.
    let stars = 0;
    const pattern = target["@tessera/source"]
      .replace("./", "")
      .replace(/[.*]/g, (c) => (c === "." ? "\\." : stars++ === 0 ? "([^/]+)" : "\\1"));
    for (const file of files) {
      const match = new RegExp(`^${pattern}$`).exec(file);
      if (!match || /\.(test|as)\.ts$/.test(file)) continue;
      const dist = built
        .replace("./dist/", "")
        .replace(/\.js$/, "")
        .replace("*", match[1] ?? "");
      entries[dist] = file;
    }
  }
  return entries;
};

/**
 * A namespace (`export * as functional`) as esbuild writes it, `var f = {};` and `__export(f, {…});`, holds all that is in it in every bundle:
 * no bundler drops the call. As one pure expression it goes where nobody uses it. Lines stay where source maps say they are.
 */
export const makeNamespacesPure = (code: string): string => {
  const pure = code
    .replace(/^(var \w+ = )\{\};\n__export\(\w+, \{$/gm, "$1\n/* @__PURE__ */ __export({}, {")
    .replace(/^(var __export = \(target, (\w+)\) => \{\n.*\n.*)\n\};$/m, "$1 return target;\n};");
  const left = /^(__export\(.*)$/m.exec(pure);
  if (left) throw new Error(`tsup-config: expected a namespace as esbuild 0.27 writes it, got ${left[1]}`);
  if (/^var __export = /m.test(pure) && !pure.includes("return target;\n};"))
    throw new Error("tsup-config: expected __export as esbuild 0.27 writes it");
  return pure;
};

/**
 * @param configUrl `import.meta.url` of the package's tsup.config.ts
 * @param extra entries that are built but not exported, such as workers: `{ "worker": "src/worker.ts" }`
 */
export const packageConfig = (configUrl: string, extra: Record<string, string> = {}): Options => {
  const root = fileURLToPath(new URL(".", configUrl));
  const { exports, imports = {} } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as {
    exports?: Exports;
    imports?: Imports;
  };
  const targets = [...Object.values(exports ?? {}), ...Object.values(imports).flatMap((each) => Object.values(each))];
  return {
    entry: { ...entriesOf(root, targets), ...extra },
    format: "esm",
    target: "es2022",
    // Libraries run in Node and in browsers; what only Node has is imported on demand, by its `node:` name.
    platform: exports ? "neutral" : "node",
    // A `#name` stays: whoever runs or bundles the package chooses by environment.
    external: [/^node:/, /^#/],
    removeNodeProtocol: false,
    // A file imported for its effect alone must be named in `sideEffects`, or bundlers drop it without a word.
    esbuildOptions: (options) => {
      options.logOverride = { "ignored-bare-import": "error" };
    },
    plugins: [
      {
        name: "pure-namespaces",
        renderChunk: (code, { map = null }) => ({ code: makeNamespacesPure(code), map }),
      },
    ],
    // Declarations come from build-types.mjs.
    dts: false,
    sourcemap: true,
    splitting: true,
    clean: true,
    silent: true,
  };
};
