import { exitCode } from "./exit-code.ts";

/**
 * A signal that Ctrl-C (or a polite kill) raises, so that work stops between two steps and saves. The second Ctrl-C ends the
 * process at once: files are written so that even that loses nothing but the steps since the last checkpoint.
 */
export const stopSignal = (say: (text: string) => void): { signal: AbortSignal; release: () => void } => {
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
