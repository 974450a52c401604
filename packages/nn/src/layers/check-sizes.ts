import { ArgumentError } from "@tessera/tensor";

/** Throws unless all sizes of a layer are whole numbers from 0 up. */
export const checkSizes = (layer: string, sizes: { readonly [name: string]: number }): void => {
  for (const [name, size] of Object.entries(sizes))
    if (!Number.isInteger(size) || size < 0)
      throw new ArgumentError(`${layer}: ${name} is a whole number from 0 up, got ${size}`);
};

/** Throws unless a dropout probability lies between 0 and 1. */
export const checkProbability = (layer: string, p: number): void => {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${layer}: p is a probability from 0 to 1, got ${p}`);
};
