import { costSentence, stepTimes } from "./cost.ts";
import { facts, heldOut, marks, mosaic, points, twinPoints } from "./store.ts";

/** The step of the last change of density, if there was one that still holds. */
export const patchedAt = (): number | null => {
  const last = marks.value.findLast(({ text }) => /density/.test(text));
  return mosaic.value?.layers.some((layer) => layer.sparse) && last ? last.step : null;
};

/** What the sparsity costs and gains, in one sentence. */
export const MeasuredCost = () => {
  const [own, current] = [facts.value, mosaic.value];
  if (!own || !current) return null;
  const times = stepTimes(points.value, twinPoints.value, patchedAt());
  return (
    <p class="cost" data-testid="cost">
      {costSentence({ times, facts: own, heldOut: heldOut.value, layers: current.layers })}
    </p>
  );
};
