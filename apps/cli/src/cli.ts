import { runCli } from "./run-cli.ts";
import { exitCode } from "./terminal/exit-code.ts";

// What fails after the command has ended: a reader such as `head` may close the pipe early, which is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.exitCode = exitCode.failure;
});

process.exitCode = await runCli(process.argv.slice(2));
