// `npm run docs:ops`: writes docs/generated/ops.md.
import { writeFileSync } from "node:fs";
import { opTable } from "./op-table.ts";

const file = new URL("../../docs/generated/ops.md", import.meta.url);
writeFileSync(file, opTable());
console.log("written: docs/generated/ops.md");
