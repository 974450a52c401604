import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { KernelBuildError } from "./kernel-build-error.mjs";

// The text of a file of AssemblyScript, in which `export * from "./ops/*/*.as";` is written out: one export for each folder that has such
// a file, by name. The second star stands for the same name as the first, as in the `exports` of package.json.
export const readSource = (path) =>
  readFileSync(path, "utf8").replace(/^export \* from "(\.[^"*]*\/)\*(\/[^"]*)";$/gm, (_, before, after) => {
    const folder = join(dirname(path), before);
    const files = existsSync(folder) ? readdirSync(folder) : [];
    const exports = files
      .map((name) => `${before}${name}${after.replaceAll("*", name)}`)
      .filter((file) => existsSync(join(dirname(path), `${file}.ts`)))
      .sort()
      .map((file) => `export * from "${file}";`);
    if (exports.length === 0)
      throw new KernelBuildError(`${path}: no file fits "${before}*${after}.ts"; name one, or delete the line`);
    return exports.join(" ");
  });
