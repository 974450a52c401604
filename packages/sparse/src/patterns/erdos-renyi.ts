import { ArgumentError } from "@tessera/tensor";
import { checkDensity } from "../block-layout.ts";

/** A layer among which a density is shared out. */
export interface SharedLayer {
  readonly name: string;
  /** `[out, in]` */
  readonly shape: readonly [number, number];
}

/**
 * Densities by Erdős and Rényi: d_l = ε · (out + in)/(out · in), at most 1, with the ε for which all layers together have the density that is
 * asked for. Small layers stay denser than large ones.
 *
 * {@link https://arxiv.org/abs/1707.04780 Mocanu et al. 2018}; with its kernel the rule of {@link https://arxiv.org/abs/1911.11134 RigL}, which for linear layers is this one
 *
 * @returns the density of each layer, by its path
 * @throws ArgumentError when the density is no share, or there is no layer.
 * @example
 * erdosRenyiDensities([{ name: "up", shape: [512, 128] }, { name: "down", shape: [128, 128] }], 0.25);
 * // Map { "up" → 0.2232…, "down" → 0.3571… }
 */
export const erdosRenyiDensities = (layers: readonly SharedLayer[], density: number): Map<string, number> => {
  checkDensity("erdosRenyiDensities", density);
  if (layers.length === 0) throw new ArgumentError("erdosRenyiDensities: expected at least one layer, got none");
  const sizes = layers.map(({ shape: [outputs, inputs] }) => outputs * inputs);
  const sums = layers.map(({ shape: [outputs, inputs] }) => outputs + inputs);
  const wanted = density * sizes.reduce((total, size) => total + size, 0);
  // Layers that would have more than all of their elements are dense; what they leave over, the others share.
  const full = new Set<number>();
  let epsilon = 0;
  for (let before = -1; before < full.size;) {
    before = full.size;
    const open = layers.map((_, i) => i).filter((i) => !full.has(i));
    const share = wanted - [...full].reduce((total, i) => total + sizes[i]!, 0);
    epsilon = open.length === 0 ? 0 : share / open.reduce((total, i) => total + sums[i]!, 0);
    for (const i of open) if ((epsilon * sums[i]!) / sizes[i]! > 1) full.add(i);
  }
  return new Map(layers.map(({ name }, i) => [name, full.has(i) ? 1 : (epsilon * sums[i]!) / sizes[i]!]));
};
