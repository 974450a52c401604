import { magnitude } from "./magnitude.ts";
import { random } from "./random.ts";

export * from "./activation-weighted.ts";
export * from "./magnitude.ts";
export * from "./movement.ts";
export * from "./random.ts";

/**
 * Criteria that need nothing but the layer, by the names that `addPattern` and the command line take. Those that need measurements
 * (`movement`, `saliency`, `activationWeighted`) are made with them and passed as values.
 */
export const criteria = { magnitude, random } as const;

export type CriterionName = keyof typeof criteria;
