// A small training, dense and block-sparse, by the built packages on every version of Node that is here: the same bits from each.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const smoke = async (node: string): Promise<{ node: string; last: number }> => {
  const { stdout } = await promisify(execFile)(node, [fileOf("smoke.mjs")]);
  return JSON.parse(stdout) as { node: string; last: number };
};
const engines = ["node22", "node24", "node26"].map((name) => ({ name, path: fileOf(`node_modules/${name}/bin/node`) }));
const installed = engines.filter(({ path }) => existsSync(path));

for (const { name } of engines.filter((engine) => !installed.includes(engine)))
  test(name, ({ skip }) => skip("it is not here; npm ci --prefix tests/engines brings it"));

describe.skipIf(installed.length === 0)("a training by", () => {
  let here: { node: string; last: number };
  beforeAll(async () => {
    if (!existsSync(fileOf("../../packages/sparse/dist/index.js")))
      throw new Error("packages/sparse is not built; run `npm run build` first");
    here = await smoke(process.execPath);
  });

  test.each(installed)("$name", async ({ name, path }) => {
    const { node, last } = await smoke(path);
    expect(node).toMatch(new RegExp(`^${name.slice("node".length)}\\.`));
    expect(last).toBe(here.last);
  });
});
