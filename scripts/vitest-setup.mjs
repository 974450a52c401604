// Before any test: the kernels are those of the sources. Takes 0.1 s when nothing has changed.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const setup = () => {
  const script = fileURLToPath(new URL("build-wasm.mjs", import.meta.url));
  const packages = ["tensor", "sparse"].map((name) => fileURLToPath(new URL(`../packages/${name}`, import.meta.url)));
  execFileSync(process.execPath, [script, ...packages], { stdio: "inherit" });
};
