import { lockFolder } from "../run-folder/folder-lock.ts";
import { RunState, type PhaseSchemas, type RunSettings } from "../run-folder/run-state.ts";
import { UsageError } from "../terminal/command-error.ts";
import type { Context } from "./command-definition.ts";

/** What a training command writes into its folder, and reads. */
export interface RunDescription<Phases extends object> {
  settings: RunSettings;
  phases: PhaseSchemas<Phases>;
  /** Files that the run reads, by the option that names them. */
  inputs: Readonly<Record<string, string>>;
  /** Settings of runs of versions that did not write them. */
  earlier?: RunSettings;
}

/**
 * Locks the run folder of a training command, opens its state, and runs `work`. A run that is there is resumed with `--resume`,
 * removed with `--fresh`, and refused otherwise.
 */
export const withRunFolder = async <Phases extends object>(
  { out, resume, words }: Context,
  { settings, phases, inputs, earlier = {} }: RunDescription<Phases>,
  fresh: boolean,
  work: (run: RunState<Phases>) => Promise<void>,
): Promise<void> => {
  if (fresh && resume) throw new UsageError("--fresh: expected either --fresh or --resume, got both");
  const lock = await lockFolder(out);
  try {
    const run = await RunState.open(out, settings, phases, {
      fresh,
      mustBeNew: !resume,
      inputs,
      earlier,
      commandLine: words,
      lock,
    });
    await work(run);
  } finally {
    lock.release();
  }
};
