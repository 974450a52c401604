// `npm run generate`: what git ignores and everything needs, the tables over the families of ops and the kernels. Takes half a second when
// nothing has changed.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import "./generate-tables.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync(
  process.execPath,
  ["packages/tensor/bin/tessera-wasm.mjs", "packages/tensor", "packages/nn", "packages/sparse", "apps/examples"],
  {
    cwd: root,
    stdio: "inherit",
  },
);
