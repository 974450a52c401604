// `node scripts/chain.mjs a b c [args]`: runs npm scripts one after the other and stops at the first that fails.
// It stands in for `a && b && c`, so that no script depends on a shell. Whatever starts with `-`, and all that
// follows it, goes to the last script.
import { spawn } from "node:child_process";

const words = process.argv.slice(2);
const firstFlag = words.findIndex((word) => word.startsWith("-"));
const steps = firstFlag < 0 ? words : words.slice(0, firstFlag);
const extra = firstFlag < 0 ? [] : words.slice(firstFlag);

// Ctrl-C reaches the whole process group: the child saves and exits with its own code, which becomes ours.
process.on("SIGINT", () => {});

const npm = process.env.npm_execpath;
if (!npm) {
  console.error("chain: npm_execpath is not set; start this through `npm run`");
  process.exit(2);
}

/** Exit code of one npm script. */
const runStep = (name, args) =>
  new Promise((resolve, reject) => {
    const words = [npm, "run", "--silent", name, ...(args.length > 0 ? ["--", ...args] : [])];
    const child = spawn(process.execPath, words, { stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(signal ? 130 : code));
  });

for (const [index, name] of steps.entries()) {
  const code = await runStep(name, index === steps.length - 1 ? extra : []);
  if (code !== 0) {
    if (index < steps.length - 1) console.error(`\n${name} failed; not run: ${steps.slice(index + 1).join(", ")}`);
    process.exit(code);
  }
}
