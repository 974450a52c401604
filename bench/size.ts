// `npm run bench -- size`: what a page downloads for one import, as esbuild bundles what is built and published. Sizes, no times: one run
// says it all. `npm run build` first; `--before DIR` adds another checkout that is built, `--write` writes docs/generated/size.md.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build, version } from "esbuild";
import { UsageError } from "./options.ts";
import { makeTable, markdownOf, percent, textOf, type Column } from "./table.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Imports by what they are called in the table. */
const IMPORTS: readonly (readonly [name: string, from: string])[] = [
  ["tensor", "@tessera/tensor"],
  ["grad", "@tessera/autograd"],
  ["Linear", "@tessera/nn"],
  ["BlockSparseLinear", "@tessera/sparse"],
  ["RobertaForMaskedLM", "@tessera/models"],
];

interface Size {
  readonly bytes: number;
  /** Of those, WebAssembly as text. */
  readonly wasm: number;
  readonly gzip: number;
}
interface Row {
  readonly name: string;
  readonly from: string;
  readonly now: Size;
  readonly before: Size | null;
}

/** Texts of WebAssembly in a checkout's packages. */
const wasmTexts = (checkout: string): string[] =>
  ["tensor", "nn", "sparse"].flatMap((name) => {
    const path = join(checkout, `packages/${name}/src/generated/kernels.ts`);
    // Not every package had kernels in every version.
    if (!existsSync(path)) return [];
    const text = readFileSync(path, "utf8");
    return Array.from(text.matchAll(/^const \w+Wasm =\n {2}"([^"]+)";$/gm), ([, module]) => module!);
  });

/** A bundle in one file: what is loaded on demand is in it, too. */
const sizeOf = async (checkout: string, name: string, from: string): Promise<Size> => {
  if (!existsSync(join(checkout, "packages", from.slice("@tessera/".length), "dist/index.js")))
    throw new UsageError(`size: ${from} is not built in ${checkout}; run \`npm run build\` there`);
  const { outputFiles } = await build({
    stdin: { contents: `export { ${name} } from "${from}";`, resolveDir: join(checkout, "bench"), loader: "js" },
    bundle: true,
    minify: true,
    splitting: false,
    platform: "browser",
    format: "esm",
    target: "esnext",
    write: false,
    outdir: "/bundle",
    logLevel: "error",
    // Fetched only by who loads a model of the hub.
    external: ["@huggingface/hub"],
    // The sources' tsconfig would send it to the sources; a workspace's chunks import chunks for their order.
    tsconfigRaw: "{}",
    logOverride: { "ignored-bare-import": "silent" },
  });
  const texts = wasmTexts(checkout);
  const sum = (count: (file: (typeof outputFiles)[number]) => number): number =>
    outputFiles.reduce((total, file) => total + count(file), 0);
  return {
    bytes: sum(({ contents }) => contents.length),
    wasm: sum(({ text }) => texts.reduce((total, one) => total + (text.includes(one) ? one.length : 0), 0)),
    gzip: sum(({ contents }) => gzipSync(contents, { level: 9 }).length),
  };
};

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);
const changeOf = (now: number, before: number): string => `${now > before ? "+" : ""}${percent(now / before - 1)}`;

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { before: { type: "string" }, write: { type: "boolean" } },
});
const rows: Row[] = [];
for (const [name, from] of IMPORTS) {
  const before = values.before === undefined ? null : await sizeOf(resolve(values.before), name, from);
  rows.push({ name, from, now: await sizeOf(root, name, from), before });
}
const columns: Column<Row>[] = [
  { label: "import", cell: ({ name, from }) => `${name} from ${from}` },
  { label: "minified kB", cell: ({ now }) => kilobytes(now.bytes) },
  { label: "of that wasm", cell: ({ now }) => kilobytes(now.wasm) },
  { label: "gzip kB", cell: ({ now }) => kilobytes(now.gzip) },
];
const compared: Column<Row>[] = [
  { label: "before, gzip", cell: ({ before }) => kilobytes(before!.gzip) },
  { label: "change", cell: ({ now, before }) => changeOf(now.gzip, before!.gzip) },
];
const table = makeTable(
  "What one import costs a page",
  rows,
  [...columns, ...(values.before === undefined ? [] : compared)],
  [`esbuild ${version}: minify, browser, no splitting; gzip -9; 1 kB is 1,000 bytes`],
);
console.log(textOf(table));
if (values.write) {
  const head =
    "# Sizes of bundles\n\nMade by `npm run bench -- size --write` from what `npm run build` builds; before: the checkout given by `--before DIR`, if any.\n\n";
  writeFileSync(join(root, "docs/generated/size.md"), head + markdownOf(table));
  console.log("written: docs/generated/size.md");
}
