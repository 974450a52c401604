import type { Tensor } from "@tessera/tensor";

/**
 * Runs layers one after the other: the output of the last one, or with `all` the input and the output of every one.
 *
 * @param step the output of a layer for the one before it
 */
export const runLayers = <L>(
  layers: Iterable<L>,
  x: Tensor,
  all: boolean,
  step: (layer: L, state: Tensor, index: number) => Tensor,
): Tensor[] => {
  const states = [x];
  let index = 0;
  for (const layer of layers) {
    const last = states.at(-1)!;
    const next = step(layer, last, index++);
    if (all) states.push(next);
    else {
      states[0] = next;
      // What the tape will read it holds itself; this handle would live until the last layer is done.
      if (last !== x) last.dispose();
    }
  }
  return states;
};
