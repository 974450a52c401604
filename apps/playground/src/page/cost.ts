import type { HeldOutPoint, LayerBlocks, ModelFacts, StepPoint } from "../engine/protocol.ts";
import { bytes, median, percent } from "./format.ts";

/** Steps that a speed is the median of. */
const WINDOW = 60;
/** Fewer steps are no measurement. */
const MIN_STEPS = 8;

/** Milliseconds of a step, of this model and of a dense one, as measured here. */
export interface StepTimes {
  readonly own: number;
  readonly dense: number;
  /** Whether the dense one ran beside this one, in turns; else before it. */
  readonly beside: boolean;
}

const lastTimes = (points: readonly StepPoint[]): number[] => points.slice(-WINDOW).map(({ ms }) => ms);

/** The step times that there are. @param patchedAt the step of the last change of density; `null` without one */
export const stepTimes = (
  points: readonly StepPoint[],
  twin: readonly StepPoint[],
  patchedAt: number | null,
): StepTimes | null => {
  if (patchedAt === null)
    return points.length < MIN_STEPS ? null : { own: NaN, dense: median(lastTimes(points)), beside: false };
  const after = lastTimes(points.filter(({ step }) => step > patchedAt));
  if (after.length < MIN_STEPS) return null;
  const beside = lastTimes(twin.filter(({ step }) => step > patchedAt));
  if (beside.length >= MIN_STEPS) return { own: median(after), dense: median(beside), beside: true };
  const before = lastTimes(points.filter(({ step }) => step <= patchedAt));
  return { own: median(after), dense: median(before), beside: false };
};

export interface CostInputs {
  readonly times: StepTimes | null;
  readonly facts: ModelFacts;
  readonly heldOut: readonly HeldOutPoint[];
  readonly layers: readonly LayerBlocks[];
}

/** What the sparsity costs and gains, measured on this machine, in one sentence. */
export const costSentence = ({ times, facts, heldOut, layers }: CostInputs): string => {
  const sparse = layers.filter((layer) => layer.sparse);
  if (sparse.length === 0) return "Nothing is sparse yet: choose a density, and patch.";
  const cells = sparse.reduce((sum, { mask }) => sum + mask.length, 0);
  const stored = sparse.reduce((sum, { mask }) => sum + mask.reduce((n, one) => n + one, 0), 0);
  const gone = `${percent(1 - stored / cells)} of the blocks in ${sparse.length} layers are gone`;
  // Weights, and two numbers that the optimiser remembers of each, 4 bytes each.
  const saved = bytes(12 * (facts.denseParameters - facts.parameters));
  const time =
    times && Number.isFinite(times.own)
      ? `a step takes ${times.own.toFixed(1)} ms instead of ${times.dense.toFixed(1)} ms (${(times.dense / times.own).toFixed(2)} times as fast${times.beside ? ", in turns with its dense twin" : ""})`
      : "the speed is being measured";
  const last = heldOut.findLast(({ twin }) => twin !== null);
  const quality =
    last === undefined || last.twin === null
      ? ""
      : `, and on texts it never saw its loss is ${last.loss.toFixed(3)} where the twin has ${last.twin.toFixed(3)} (${last.loss >= last.twin ? "+" : "−"}${Math.abs(last.loss - last.twin).toFixed(3)})`;
  return `${gone}: ${time}, weights and optimiser take ${saved} less${quality}.`;
};
