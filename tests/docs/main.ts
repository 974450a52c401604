// `npm run docs:ops`: writes the pages of docs/generated that come from the code and from docs/data.
import { writeFileSync } from "node:fs";
import { opTable } from "./op-table.ts";
import { peerTable } from "./peer-table.ts";

for (const [name, text] of Object.entries({ ops: opTable(), peers: peerTable() })) {
  writeFileSync(new URL(`../../docs/generated/${name}.md`, import.meta.url), text);
  console.log(`written: docs/generated/${name}.md`);
}
