#!/usr/bin/env node
// Compiles the AssemblyScript kernels of packages: `tessera-wasm` in a package's folder, or with folders as arguments. Nothing is
// compiled when no input has changed.
//
// In:   src/kernels.as.ts, the one entry; it says `export * from "./ops/softmax/softmax.as";` for a file, or for those of all folders
//       `export * from "./ops/*/*.as";`, where the second star stands for the same name as the first.
// Out:  src/generated/kernels.ts: a typed builder for each kernel, the constants that planners share, see read-exports.mjs, and the
//       modules as text, one build whole and of the others what differs: no loader, no file, no fetch when the package runs. It imports no file of the package, so that any settings
//       of TypeScript, of a bundler or of Node's own type stripping take it as it is.
//
// Memory: one shared linear memory serves all modules. Bytes below 65536 belong to the backend; then come slots of 65536 bytes for
// static data, and the heap starts above all slots. A package whose kernels have such data (tables of math.as.ts, `memory.data`)
// names its slot in package.json: `"tessera": { "memorySlot": 3 }`. 1 is tensor's, 2 is sparse's, 3 to 15 are free.
import { basename, resolve } from "node:path";
import { buildPackage } from "./build-package.mjs";
import { KernelBuildError } from "./kernel-build-error.mjs";

const folders = process.argv.length > 2 ? process.argv.slice(2) : ["."];
for (const folder of folders.map((path) => resolve(path))) {
  try {
    await buildPackage(folder);
  } catch (error) {
    // Errors of ours say what to do; where any other one comes from is worth knowing.
    const text = error instanceof KernelBuildError ? `${error.name}: ${error.message}` : error.stack;
    console.error(`tessera-wasm: ${basename(folder)}: ${text}`);
    process.exitCode = 1;
  }
}
