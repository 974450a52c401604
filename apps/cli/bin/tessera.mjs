#!/usr/bin/env node
import { existsSync } from "node:fs";

const cli = new URL("../dist/cli.js", import.meta.url);
if (existsSync(cli)) await import(cli.href);
else {
  console.error("tessera: not built yet; run `npm run build` in the project's root first");
  process.exitCode = 1;
}
