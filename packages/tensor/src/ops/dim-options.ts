import { ArgumentError } from "../error.ts";
import type { Dims } from "../shape.ts";

/** Along which dim; −1, the last one, unless said otherwise. */
export interface DimOptions {
  dim?: number | undefined;
}

/** How a reduction is called: over which dims, or over all of them, and whether they stay with size 1. */
export interface ReduceOptions {
  dim?: Dims | undefined;
  keepdim?: boolean | undefined;
}

/** How `argmax` is called: along which dim, −1 unless said otherwise, and whether it stays with size 1. */
export interface ArgmaxOptions extends DimOptions {
  keepdim?: boolean | undefined;
}

/** What an option may be. */
interface Kind {
  readonly says: string;
  is(value: unknown): boolean;
}
type Kinds = { readonly [name: string]: Kind };

const isNumber = (value: unknown): boolean => typeof value === "number";
const isDims = (value: unknown): boolean =>
  value === null || isNumber(value) || (Array.isArray(value) && value.every(isNumber));
const dim: Kind = { says: "a number", is: isNumber };
const dims: Kind = { says: "a number, a list of them, or null for all dims", is: isDims };
const flag: Kind = { says: "true or false", is: (value) => typeof value === "boolean" };
const someNumber: Kind = { says: "a number", is: isNumber };

/** The options of each kind of function. */
export const ALONG_DIM: Kinds = { dim };
export const RUNNING: Kinds = { dim, exclusive: flag, reverse: flag };
export const CHOICE: Kinds = { dim, keepdim: flag };
export const REDUCTION: Kinds = { dim: dims, keepdim: flag };
export const VARIANCE: Kinds = { ...REDUCTION, correction: someNumber };
export const SORT: Kinds = { dim, descending: flag, stable: flag };
export const TOPK: Kinds = { dim, largest: flag, sorted: flag };
export const VECTOR_NORM: Kinds = { ...REDUCTION, p: someNumber };

/** What else an option is called elsewhere, in lower case. */
const SYNONYMS: { readonly [name: string]: string } = {
  axis: "dim",
  axes: "dim",
  dims: "dim",
  keepdim: "keepdim",
  keepdims: "keepdim",
  ddof: "correction",
  ord: "p",
};

const show = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(show).join(", ")}]` : typeof value === "string" ? `"${value}"` : String(value);

/**
 * The options of a function, in whose place a dim may stand by itself; `undefined` is as good as absent.
 *
 * @throws ArgumentError when an option is unknown or has an invalid value.
 */
export const readOptions = <O extends { dim?: Dims | undefined }>(op: string, given: O["dim"] | O, kinds: Kinds): O => {
  const isDim = typeof given !== "object" || given === null || Array.isArray(given);
  const options = (isDim ? { dim: given } : given) as O;
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const kind = kinds[name];
    if (!kind) {
      const meant = SYNONYMS[name.toLowerCase()] ?? "";
      const advice = meant in kinds ? `it is called "${meant}" here` : "leave it out";
      throw new ArgumentError(
        `${op}: expected options among ${Object.keys(kinds).join(", ")}, got "${name}"; ${advice}`,
      );
    }
    if (value !== undefined && !kind.is(value))
      throw new ArgumentError(`${op}: ${name} is ${kind.says}, got ${show(value)}`);
  }
  return options;
};
