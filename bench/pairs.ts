// `npm run bench -- pairs [--node PATH]`: which kernels of the wide build V8 really makes 256 bits wide. No times: one run says it all. An update
// of the engine, or of a kernel, that loses some shows here, and for the products in tests/ops/pairs.test.ts.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findAssemblyScript } from "../packages/tensor/bin/assembly-script.mjs";
import { compileInThread, variants } from "../packages/tensor/bin/compile-variant.mjs";
import { makeTable, textOf, type Column } from "./table.ts";
import { tracePairs, type PairedFunction } from "./trace-pairs.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const PACKAGES = [
  { name: "tensor", slot: 1 },
  { name: "sparse", slot: 2 },
];

interface Row extends PairedFunction {
  readonly name: string;
}

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { node: { type: "string", default: process.execPath } },
});
const columns: Column<Row>[] = [
  { label: "function", cell: ({ name }) => name },
  { label: "pairs of stores", cell: ({ pairs }) => `${pairs}` },
  { label: "joined", cell: ({ joined }) => `${joined}` },
  { label: "why not all", cell: ({ reasons, joined, pairs }) => (joined === pairs ? "" : reasons.join("; ")) },
];
for (const { name, slot } of PACKAGES) {
  const folder = join(root, "packages", name);
  const { compiler } = findAssemblyScript(folder);
  // Compiled anew, for the names of its functions: what is shipped has none.
  const { wasm, functions } = await compileInThread({ folder, slot, flags: variants.wideWasm, compiler });
  const found = await tracePairs(values.node, wasm);
  const rows = found.map((one) => ({ ...one, name: functions[one.index] ?? `function ${one.index}` }));
  const order = rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  console.log(textOf(makeTable(`@tessera/${name}`, order, columns, [])));
  if (rows.length === 0) console.log("V8 joined nothing: pass a Node from 24 to 26, --node PATH");
}
