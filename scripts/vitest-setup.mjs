// Before any test: the kernels are those of the sources. Takes 0.1 s when nothing has changed.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const setup = () => {
  const script = fileURLToPath(new URL("../packages/tensor/bin/tessera-wasm.mjs", import.meta.url));
  const packages = ["packages/tensor", "packages/sparse", "apps/examples"].map((folder) =>
    fileURLToPath(new URL(`../${folder}`, import.meta.url)),
  );
  execFileSync(process.execPath, [script, ...packages], { stdio: "inherit" });
};
