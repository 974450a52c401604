// `node scripts/chain.mjs build,check,vitest [args]`: runs npm scripts one after the other and stops at the first that
// fails. It stands in for `a && b && c`, so that no script depends on a shell. The arguments go to the last one.
import { spawn } from "node:child_process";

const [names, ...args] = process.argv.slice(2);
const steps = names.split(",");

const npm = process.env.npm_execpath;
if (!npm) {
  console.error("chain: npm_execpath is not set; start this through `npm run`");
  process.exit(2);
}

// Ctrl-C reaches the whole process group: the child saves and exits with its own code, which becomes ours.
process.on("SIGINT", () => {});

/** Exit code of one npm script. */
const runStep = (name, stepArgs) =>
  new Promise((resolve, reject) => {
    const words = [npm, "run", "--silent", name, ...(stepArgs.length > 0 ? ["--", ...stepArgs] : [])];
    const child = spawn(process.execPath, words, { stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(signal ? 130 : code));
  });

for (const [index, name] of steps.entries()) {
  const isLast = index === steps.length - 1;
  const code = await runStep(name, isLast ? args : []);
  if (code !== 0) {
    if (!isLast) console.error(`\n${name} failed; not run: ${steps.slice(index + 1).join(", ")}`);
    process.exit(code);
  }
}
