// Before any test: kernels and tables are those of the sources.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const setup = () => {
  execFileSync(process.execPath, [fileURLToPath(new URL("generate.mjs", import.meta.url))], { stdio: "inherit" });
};
