import { exitCode } from "./exit-code.ts";

/**
 * Gives a signal that SIGINT (Ctrl-C) or SIGTERM aborts, so that work stops between two steps and saves. The second one ends the
 * process at once. Files are replaced as a whole, so that this loses only the steps since the last checkpoint.
 */
export const listenForStop = (say: (text: string) => void): { signal: AbortSignal; release: () => void } => {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(exitCode.interrupted);
    say("\nstopping after this step, then saving; Ctrl-C again quits at once");
    controller.abort();
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) process.on(name, stop);
  const release = (): void => {
    for (const name of signals) process.off(name, stop);
  };
  return { signal: controller.signal, release };
};
