import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { KernelBuildError } from "./kernel-build-error.mjs";

/**
 * Where AssemblyScript is: the package's own, or the one beside tensor. It is loaded only when there is something to compile.
 *
 * @throws KernelBuildError that says what to install when there is none.
 */
export const findAssemblyScript = (folder) => {
  for (const from of [join(folder, "package.json"), import.meta.url]) {
    const { resolve } = createRequire(from);
    let manifest;
    try {
      manifest = resolve("assemblyscript/package.json");
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
      continue;
    }
    const url = (file) => pathToFileURL(join(manifest, "..", file)).href;
    const { version } = JSON.parse(readFileSync(manifest, "utf8"));
    return { version, compiler: url("dist/asc.js"), parser: url("dist/assemblyscript.js") };
  }
  const { peerDependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  throw new KernelBuildError(
    `AssemblyScript is expected to compile *.as.ts, and is not installed; npm install --save-dev "assemblyscript@${peerDependencies.assemblyscript}"`,
  );
};
