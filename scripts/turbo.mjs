// Runs turbo with its telemetry and update notices off. Both are documented environment variables with no key in turbo.json:
// https://turborepo.com/docs/telemetry and https://turborepo.com/docs/reference/system-environment-variables
import { spawn } from "node:child_process";
import { createRequire } from "node:module";

const turbo = createRequire(import.meta.url).resolve("turbo/bin/turbo");
const child = spawn(process.execPath, [turbo, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" },
});
process.on("SIGINT", () => {});
child.on("exit", (code, signal) => process.exit(signal ? 130 : code));
