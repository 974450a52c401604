import { lockFolder } from "../run-folder/folder-lock.ts";
import { RunState, type RunSettings } from "../run-folder/run-state.ts";
import { UsageError } from "../terminal/command-error.ts";
import type { Context } from "./command-definition.ts";

/**
 * Locks the run folder of a training command, opens its state, and runs `work`. A run that is there is resumed with `--resume`,
 * removed with `--fresh`, and refused otherwise.
 */
export const withRunFolder = async <Phases extends object>(
  { out, resume }: Context,
  settings: RunSettings,
  fresh: boolean,
  work: (run: RunState<Phases>) => Promise<void>,
): Promise<void> => {
  if (fresh && resume) throw new UsageError("--fresh: expected either --fresh or --resume, got both");
  const release = await lockFolder(out);
  try {
    const run = await RunState.open<Phases>(out, settings, { fresh, ...(resume ? {} : { mustBeNew: true }) });
    await work(run);
  } finally {
    release();
  }
};
