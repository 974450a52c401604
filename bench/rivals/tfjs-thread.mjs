// One thread of tfjs's WebAssembly backend in Node. The package holds its script as text that a page would put into a blob, and
// that script then loads the backend's glue code from another blob: here both come from their files.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const glue = fileURLToPath(
  new URL("node_modules/@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js", import.meta.url),
);
const script = glue.replace(/\.js$/, ".worker.js");
const require = createRequire(script);
Object.assign(globalThis, { require, __filename: glue, __dirname: fileURLToPath(new URL(".", import.meta.url)) });
URL.createObjectURL = () => glue;
URL.revokeObjectURL = () => {};
if (readFileSync(glue).length === 0) throw new Error(`${glue} is empty`);
// A line end inside one of its strings was lost when it became text.
(0, eval)(require(script).wasmWorkerContents.replace(/\n/g, "\\n"));
