// What a page downloads for one import may not outgrow its budget: the sources, bundled as `npm run bench -- size` bundles what is built.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Budgets in bytes, gzip -9, 1 kB = 1,000 bytes. Who raises one says in the commit what for. */
const budgets = [
  { name: "tensor", from: "@tessera/tensor", budget: 130_000 },
  { name: "Linear", from: "@tessera/nn", budget: 150_000 },
  { name: "RobertaForMaskedLM", from: "@tessera/models", budget: 200_000 },
];

const sizeOf = async ({ name, from }) => {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { ${name} } from "${from}";`,
      resolveDir: fileURLToPath(new URL("../bench", import.meta.url)),
      loader: "js",
    },
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    target: "esnext",
    conditions: ["@tessera/source"],
    write: false,
    outdir: "/bundle",
    logLevel: "error",
    external: ["@huggingface/hub"],
    tsconfigRaw: "{}",
  });
  return outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
};

const kilobytes = (bytes) => (bytes / 1000).toFixed(1);
for (const entry of budgets) {
  const size = await sizeOf(entry);
  const over = size - entry.budget;
  const verdict = over > 0 ? `${kilobytes(over)} kB too many` : `${kilobytes(-over)} kB left`;
  console.log(
    `${entry.name} from ${entry.from}: ${kilobytes(size)} kB gzip, ${kilobytes(entry.budget)} allowed, ${verdict}`,
  );
  if (over > 0) process.exitCode = 1;
}
