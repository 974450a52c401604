import { breakEvenShare } from "./break-even.ts";
import type { KeptLayer, PlannedLayer } from "./patch-plan.ts";

/** The layer as planned, or marked to stay dense where it would be slower. What was not measured is a problem. */
export const judgeSpeed = (planned: PlannedLayer, device: string, problems: string[]): (PlannedLayer | KeptLayer)[] => {
  const { name, layout, shape } = planned;
  const breakEven = breakEvenShare(device, layout.blockSize);
  if (breakEven === undefined) {
    problems.push(
      `${name} is on ${device}, where it was not measured what is slower in blocks of ${layout.blockSize}; leave whenSlower out`,
    );
    return [];
  }
  // What sticks out of the weight counts, for it is computed too.
  const stored = (layout.blocks * layout.blockSize ** 2) / (shape[0] * shape[1]);
  return [stored > breakEven ? { ...planned, device, stored, breakEven } : planned];
};
