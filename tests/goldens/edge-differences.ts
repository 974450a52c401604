/** Where we differ from PyTorch at the edges on purpose: docs/edges.md has a row for each. */
export interface EdgeDifference {
  /** The op, and what of it: `value`, or `gradient` of any of its inputs. */
  readonly op: string;
  readonly of: "value" | "gradient";
  readonly at: string;
  readonly ours: string;
  readonly torch: string;
  readonly reason: string;
  /** Elements that may differ; all others must agree. */
  readonly excuses: (got: number, want: number) => boolean;
  /** Default: all. */
  readonly devices?: readonly string[];
}

const numberForNaN = (got: number, want: number): boolean => Number.isNaN(want) && Number.isFinite(got);
const zeroForNaN = (got: number, want: number): boolean => Number.isNaN(want) && got === 0;
const NaNForAny = (got: number): boolean => Number.isNaN(got);

export const edgeDifferences: readonly EdgeDifference[] = [
];
