export { runCli } from "./run-cli.ts";
export { exitCode } from "./terminal/exit-code.ts";
