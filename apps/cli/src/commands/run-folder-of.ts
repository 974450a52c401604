import { lockFolder } from "../run-folder/folder-lock.ts";
import { RunState, type RunSettings } from "../run-folder/run-state.ts";
import { UsageError } from "../terminal/command-error.ts";
import type { Context } from "./command-definition.ts";

/**
 * Opens the folder of a command that trains, for itself alone, and closes it at the end. What is there is gone on with when
 * `--resume` asks for it, removed when `--fresh` does, and otherwise left alone.
 */
export const inRunFolder = async <Phases extends object>(
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
