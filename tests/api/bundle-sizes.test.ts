// What one import costs a page, beside a budget. `npm run bench -- size` prints it, docs/generated/size.md keeps it. A budget that is too small
// is raised by whoever finds what was added to be worth its bytes.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const resolveDir = fileURLToPath(new URL("..", import.meta.url));

/** kB (1,000 bytes) after minifying and gzip, by what is imported and from where. */
const budgets: readonly (readonly [name: string, from: string, kilobytes: number])[] = [
  ["ShapeError", "@tessera/tensor/error", 1],
  ["tensor", "@tessera/tensor", 150],
  ["grad", "@tessera/autograd", 180],
  ["Linear", "@tessera/nn", 155],
  ["BlockSparseLinear", "@tessera/sparse", 205],
  ["ByteLevelBpeTokenizer", "@tessera/models/tokenizers", 30],
  ["RobertaForMaskedLM", "@tessera/models", 225],
];

test.each(budgets)("%s from %s", async (name, from, kilobytes) => {
  if (!existsSync(`${resolveDir}/../packages/models/dist/index.js`))
    throw new Error("packages/models is not built; run `npm run build` first");
  const { outputFiles } = await build({
    stdin: { contents: `import { ${name} } from "${from}"; console.log(${name});`, resolveDir },
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "esnext",
    external: ["node:*"],
    tsconfigRaw: "{}",
    logLevel: "silent",
  });
  expect(gzipSync(outputFiles[0]!.text, { level: 9 }).length / 1000).toBeLessThan(kilobytes);
});
