import type { LogEntry } from "@tessera/models/training";

/** A number in a log, and where it was: `train/loss` at step 30. */
export interface LoggedScalar {
  readonly tag: string;
  readonly step: number;
  readonly value: number;
  /** Seconds of training up to then. */
  readonly seconds: number;
}

/** What a log has about the training as a whole and not about a step. */
const NOT_SCALARS = new Set(["event", "step", "steps", "etaSeconds", "seconds"]);

/** All finite numbers of a log, as `event/name`; those of layers as `sparsity/density/<layer>`. */
export const scalarsOf = (entries: readonly LogEntry[]): LoggedScalar[] => {
  let seconds = 0;
  return entries.flatMap((entry) => {
    const { event, step, layers } = entry;
    if (typeof entry["seconds"] === "number") seconds = entry["seconds"];
    const named = Object.entries(entry).filter(([name]) => !NOT_SCALARS.has(name));
    const ofLayers = Object.entries(layers ?? {}).map(([name, value]) => [`density/${name}`, value] as const);
    return [...named, ...ofLayers].flatMap(([name, value]: readonly [string, unknown]) =>
      typeof value === "number" && Number.isFinite(value) ? [{ tag: `${event}/${name}`, step, value, seconds }] : [],
    );
  });
};
