// Runs before install, build, start, test: an old Node gets one line instead of a stack trace. Plain, old JavaScript.
import { readFileSync } from "fs";

var wanted = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).engines.node.replace(
  ">=",
  "",
);
var have = process.versions.node.split(".").map(Number);
var need = wanted.split(".").map(Number);
if (have[0] < need[0] || (have[0] === need[0] && have[1] < need[1])) {
  console.error(
    "Tessera needs Node " + wanted + " or newer; this is Node " + process.versions.node + ". See https://nodejs.org",
  );
  process.exit(1);
}
