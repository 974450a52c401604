/** The sizes that a caller of the exported file chooses, by name: `{ batch: 2, tokens: 5 }`. */
export type Sizes = { readonly [name: string]: number };

/** A number that follows from the sizes: `factor · (product of the named sizes) / divisor + offset`. */
export interface SizeFormula {
  readonly factor: number;
  readonly divisor: number;
  readonly names: readonly string[];
  readonly offset: number;
}

/** Products of up to three different sizes, the short ones first. */
const products = (names: readonly string[]): string[][] => {
  const found: string[][] = [[]];
  for (const name of names) for (const product of [...found]) found.push([...product, name]);
  return found.filter(({ length }) => length > 0 && length <= 3).sort((a, b) => a.length - b.length);
};

const valueOf = (names: readonly string[], sizes: Sizes): number => names.reduce((all, name) => all * sizes[name]!, 1);

/** The formula's value. */
export const evaluateFormula = ({ factor, divisor, names, offset }: SizeFormula, sizes: Sizes): number =>
  (factor * valueOf(names, sizes)) / divisor + offset;

/**
 * The formula that gives `values[k]` for `trials[k]`: a number where all are alike, `null` where none fits. Two trials determine a formula,
 * the others must agree.
 *
 * @example
 * fitFormula([10, 21, 44], [{ batch: 2, tokens: 5 }, { batch: 3, tokens: 7 }, { batch: 4, tokens: 11 }]);
 * // { factor: 1, divisor: 1, names: ["batch", "tokens"], offset: 0 }
 */
export const fitFormula = (values: readonly number[], trials: readonly Sizes[]): number | SizeFormula | null => {
  const [first, second] = values as [number, number];
  if (values.every((value) => value === first)) return first;
  for (const names of products(Object.keys(trials[0]!))) {
    const [a, b] = [valueOf(names, trials[0]!), valueOf(names, trials[1]!)];
    if (a === b) continue;
    const slope = (second - first) / (b - a);
    const [factor, divisor] = Number.isInteger(slope) ? [slope, 1] : [1, 1 / slope];
    if (factor === 0 || !Number.isInteger(factor) || !Number.isInteger(divisor)) continue;
    const formula = { factor, divisor, names, offset: first - (factor * a) / divisor };
    if (Number.isInteger(formula.offset) && trials.every((sizes, k) => evaluateFormula(formula, sizes) === values[k]))
      return formula;
  }
  return null;
};
