import type { Module, Optimizer } from "@tessera/nn";
import { ArgumentError, type Parameter, type Tensor } from "@tessera/tensor";
import { mapMoments } from "./map-moments.ts";

/** One layer that took the place of another. The bias is the same parameter in both. */
export interface Replacement {
  readonly name: string;
  readonly layer: Module;
  /** The weight of the old layer: freed, but still what an optimiser knows it by. */
  readonly from: Parameter;
  readonly to: Parameter;
  /** A tensor shaped like the old weight, in the form of the new one. */
  readonly convert: (state: Tensor) => Tensor;
}

/** A layer made, but not yet in the model. */
export interface Prepared extends Replacement {
  /** Frees what only the new layer owns. */
  undo(): void;
  /** Frees what only the old layer owned. */
  done(): void;
}

/**
 * Makes all the new layers, then puts them in: all, or none. What the old ones had of their own is freed.
 *
 * @param makers one for each layer; the first that throws ends it, and the model is unchanged
 */
export const replaceLayers = (model: Module, makers: readonly (() => Prepared)[]): Replacement[] => {
  const made: Prepared[] = [];
  const put: { name: string; old: Module }[] = [];
  try {
    for (const make of makers) made.push(make());
    for (const { name, layer } of made) put.push({ name, old: model.setSubmodule(name, layer) });
  } catch (error) {
    for (const { name, old } of put.reverse()) model.setSubmodule(name, old);
    for (const one of made) one.undo();
    throw error;
  }
  for (const one of made) one.done();
  return made;
};

/**
 * Tells optimisers about replaced weights: each gets the new parameter in the same group, and its moments are converted too, so
 * that training goes on where it was.
 *
 * @throws ArgumentError when an optimiser has none of the old weights.
 */
export const handOver = (replacements: readonly Replacement[], optimizers: readonly Optimizer[]): void => {
  for (const optimizer of optimizers) {
    let found = 0;
    for (const { from, to, convert } of replacements) {
      const name = optimizer.groups
        .flatMap(({ params }) => [...params])
        .find(([, parameter]) => parameter === from)?.[0];
      if (name === undefined) continue;
      found++;
      optimizer.replace(from, [renamed(name), to], (state) => mapMoments(state, from.shape, convert));
    }
    if (found === 0 && replacements.length > 0)
      throw new ArgumentError(
        "handOver: expected an optimiser of the replaced weights, it has none of them; were they handed over before, or frozen?",
      );
  }
};

/** `fc.weight` becomes `fc.values`, and back. */
const renamed = (name: string): string =>
  name.replace(/(weight|values)$/, (last) => (last === "weight" ? "values" : "weight"));
