import { spawn } from "node:child_process";
import { areInstalled, rivalsFolder, wantedRivals } from "./installed.ts";

/** On disk; said before it is fetched. */
const MEGABYTES = 520;

/**
 * Installs the rivals into bench/rivals/node_modules, once, by the lock there. Says what it will fetch.
 *
 * @returns whether they are there; when not, it has said why, and ratios are left out
 */
export const installRivals = async (): Promise<boolean> => {
  if (areInstalled()) return true;
  const list = Object.entries(wantedRivals()).map(([name, version]) => `${name} ${version}`);
  console.log(`Fetching the libraries to compare with into bench/rivals/node_modules (about ${MEGABYTES} MB, once):`);
  console.log(`  ${list.join(", ")}`);
  const problem = await npmCi();
  if (problem === null && areInstalled()) return true;
  console.log(
    `They could not be installed (${problem ?? "npm ci left some out"}); going on without them, no ratios to others are printed.\n`,
  );
  return false;
};

/** What went wrong, or `null`. */
const npmCi = (): Promise<string | null> =>
  new Promise((done) => {
    const npm = process.env["npm_execpath"];
    const [command, ...words] = npm ? [process.execPath, npm] : ["npm"];
    const args = [...words, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    // `npm run` tells the scripts it starts which folder is the project: that would be ours.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([key]) => !/^npm_config_(local_)?prefix$/i.test(key)),
    );
    const child = spawn(command, args, { cwd: rivalsFolder, env, stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error) => done(error.message));
    child.on("exit", (code) => {
      const reason = output.split("\n").find((line) => /npm (error|ERR!)/.test(line)) ?? "";
      done(code === 0 ? null : `npm ci: exit ${code} ${reason}`.trim());
    });
  });
