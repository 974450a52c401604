// `npm run docs` serves the site of docs/ while its pages are written; `npm run docs:build` writes it to docs/.vitepress/dist.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const docs = fileURLToPath(new URL("../docs/", import.meta.url));
const modules = join(docs, "node_modules");
const [command = "build", ...args] = process.argv.slice(2);

if (!["dev", "build"].includes(command)) {
  console.error(`docs: expected dev or build, got ${command}`);
  process.exit(2);
}
if (!existsSync(join(modules, "vitepress"))) {
  console.error(
    "docs: the site's packages are not installed; `npm ci --prefix docs` installs them, by a lock of their own (150 MB)",
  );
  process.exit(1);
}

process.on("SIGINT", () => {});

/** A program of the site's packages; ends this one where it fails. */
const run = (file, ...words) =>
  new Promise((done, failed) => {
    const child = spawn(process.execPath, [file, ...words], { cwd: docs, stdio: "inherit" });
    child.on("error", failed);
    child.on("exit", (code, signal) => (code === 0 ? done() : process.exit(signal ? 130 : code)));
  });

const typedoc = () => run(join(modules, "typedoc/bin/typedoc"), "--logLevel", "Error");
const vitepress = join(modules, "vitepress/bin/vitepress.js");

if (command === "dev") {
  if (!existsSync(join(docs, "api"))) await typedoc();
  await run(vitepress, "dev", ".", ...args);
} else {
  // Stands for whatever folder the site will lie in.
  const base = "/tessera-docs-base/";
  await typedoc();
  await run(vitepress, "build", ".", "--base", base, ...args);
  await run(join(docs, ".vitepress/relative-base.mjs"), join(docs, ".vitepress/dist"), base);
  console.log("written: docs/.vitepress/dist, which works in any folder of any host over http");
}
