import type { Module } from "@tessera/nn";
import { BlockSparseLinear } from "@tessera/sparse";
import { drawnLayers } from "./block-history.ts";
import type { Histogram } from "./protocol.ts";

const BINS = 41;

/** How the stored weights of a layer are distributed, over a range that is the same to both sides of zero. */
export const describeLayer = async (model: Module, name: string): Promise<Histogram> => {
  const found = drawnLayers(model).find(([path]) => path === name);
  if (!found) throw new Error(`There is no layer ${name}.`);
  const layer = found[1];
  const values = await (layer instanceof BlockSparseLinear ? layer.values : layer.weight).data();
  let [largest, sum, squares] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    largest = Math.max(largest, Math.abs(value));
    sum += value;
    squares += value * value;
  }
  const counts = new Array<number>(BINS).fill(0);
  const width = (2 * largest) / BINS || 1;
  for (let i = 0; i < values.length; i++) counts[Math.min(BINS - 1, Math.floor((values[i]! + largest) / width))]!++;
  const mean = sum / values.length;
  const deviation = Math.sqrt(Math.max(0, squares / values.length - mean * mean));
  return { layer: name, from: -largest, to: largest, counts, mean, deviation, stored: values.length };
};
