import type { Estimate } from "./statistics.ts";
import type { SweepCell } from "./sweep-cells.ts";

/** A cell of several layers beside the sum of what each of them costs alone. */
export interface AdditivityPoint {
  readonly name: string;
  readonly variant: string;
  readonly density: number;
  readonly layers: number;
  /** The sum of the costs of the layers alone. */
  readonly sum: number;
  /** The cost of all of them together. */
  readonly together: Estimate;
}

/** Cells of several layers, each of which was measured alone too, at the same density and with the same criterion, recovery and block size. */
export const findAdditivity = (cells: readonly SweepCell[]): AdditivityPoint[] => {
  const keyOf = ({ rows, density }: SweepCell, layer: string): string => {
    const [{ criterion, recover, blockSize, model }] = rows as [SweepCell["rows"][0]];
    return JSON.stringify([layer, density, criterion, recover, blockSize, model]);
  };
  const alone = new Map(
    cells.flatMap((cell) =>
      cell.layers.length === 1 && cell.values.loss && !isOneDense(cell)
        ? [[keyOf(cell, cell.layers[0]!), cell.values.loss.mean] as const]
        : [],
    ),
  );
  return cells.flatMap((cell) => {
    const { layers, layer, variant, density, values } = cell;
    if (layers.length < 2 || !values.loss || isOneDense(cell)) return [];
    const costs = layers.map((name) => alone.get(keyOf(cell, name)));
    if (costs.includes(undefined)) return [];
    const sum = costs.reduce<number>((total, cost) => total + cost!, 0);
    return [{ name: layer, variant, density, layers: layers.length, sum, together: values.loss }];
  });
};

/** Modes in which the named layers are the dense ones: their cost is that of the others. */
const isOneDense = ({ rows }: SweepCell): boolean => /one[-_ ]?in|one[-_ ]?dense/i.test(rows[0]!.mode);
