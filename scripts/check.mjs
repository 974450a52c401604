// `npm run check [-- NAME…]`: everything that can be judged without running the code. Prints each check's time, the output
// of those that fail, and their names at the end.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { resolve } = createRequire(import.meta.url);

const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" };
const env = { ...process.env, ...color };

/** Longest first: they decide when all are done. */
const checks = {
  lint: [`${resolve("eslint/package.json")}/../bin/eslint.js`, "."],
  types: [resolve("typescript/bin/tsc"), "--project", "."],
  format: [`${resolve("prettier/package.json")}/../bin/prettier.cjs`, "--check", "--log-level", "warn", "."],
  cycles: [
    `${resolve("dpdm/package.json")}/../lib/bin/dpdm.js`,
    "--transform",
    "--no-tree",
    "--no-warning",
    "--no-progress",
    "--exit-code",
    "circular:1",
    "--exclude",
    "node_modules|/dist/|\\.as\\.ts$",
    "packages/*/src/**/*.ts",
    "apps/*/src/**/*.{ts,tsx}",
  ],
  structure: ["scripts/check-structure.mjs"],
  sizes: ["scripts/check-sizes.mjs"],
};

const run = (args) =>
  new Promise((done, failed) => {
    const start = performance.now();
    const child = spawn(process.execPath, args, {
      cwd: root,
      env,
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", failed);
    child.on("exit", (code) =>
      done({ ok: code === 0, output: output.trim(), seconds: (performance.now() - start) / 1000 }),
    );
  });

const asked = process.argv.slice(2);
for (const name of asked)
  if (!(name in checks)) {
    console.error(`check: there is no "${name}"; there are ${Object.keys(checks).join(", ")}`);
    process.exit(2);
  }

const queue = asked.length > 0 ? asked : Object.keys(checks);
const failed = [];
const worker = async () => {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const { ok, output, seconds } = await run(checks[name]);
    console.log(`${ok ? "ok    " : "FAILED"} ${name.padEnd(10)} ${seconds.toFixed(1)} s`);
    if (output !== "" && (!ok || name === "structure" || name === "sizes"))
      console.log(output.replace(/^/gm, "       "));
    if (!ok) failed.push(name);
  }
};
await Promise.all(Array.from({ length: Math.min(4, Math.max(2, availableParallelism())) }, worker));

if (failed.length > 0) console.log(`\ncheck failed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
