import { formatPercent } from "../terminal/format.ts";
import { formatTextTable } from "../terminal/format-text-table.ts";
import { isDense, measures, type MeasureName, type SweepCell } from "./sweep-cells.ts";
import { densitiesOf, formatMeasure, variantsOf } from "./sweep-figures.ts";
import { estimate } from "./statistics.ts";
import type { SweepRow } from "./sweep-row.ts";

const meanOf = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : estimate(known).mean;
};

const describeDense = (rows: readonly SweepRow[]): string => {
  const dense = rows.filter(isDense);
  const [loss, accuracy] = [meanOf(dense.map((row) => row.loss)), meanOf(dense.map((row) => row.accuracy))];
  if (loss === undefined) return "dense: not measured here; below, the loss itself";
  return `dense: loss ${loss.toFixed(4)}${accuracy === undefined ? "" : `, accuracy ${formatPercent(accuracy)}`}; ± is half of a 95 % interval, over seeds or, of one seed, over test items`;
};

/** What a table shows of a cell. */
interface Shown {
  readonly title: string;
  readonly show: (cell: SweepCell) => string;
}

const showMeasure = (name: MeasureName): Shown => ({
  title: measures[name].title,
  show: ({ values, errors }) => {
    const found = values[name];
    if (!found) return errors.length > 0 ? "failed" : "–";
    const half = (found.high - found.low) / 2;
    return `${formatMeasure(name, found.mean)}${half > 0 ? ` ±${formatMeasure(name, half).replace("+", "")}` : ""}`;
  },
});

/** Without a dense model beside it, as in a part of a sweep. */
const theLossItself: Shown = {
  title: "Loss",
  show: ({ rows, errors }) => meanOf(rows.map(({ loss }) => loss))?.toFixed(4) ?? (errors.length > 0 ? "failed" : "–"),
};

/** For a terminal: the dense model, and for each variant and measure a table with a row for each layer and a column for each density. */
export const formatSweepLines = (
  rows: readonly SweepRow[],
  cells: readonly SweepCell[],
  names: readonly MeasureName[],
): string[] => {
  const tables = names.length === 0 ? [theLossItself] : names.map(showMeasure);
  return [
    describeDense(rows),
    "",
    ...variantsOf(cells).flatMap((variant) =>
      tables.flatMap(({ title, show }) => {
        const own = cells.filter((cell) => cell.variant === variant);
        const showAt = (layer: string, density: number): string => {
          const cell = own.find((each) => each.layer === layer && each.density === density);
          return cell ? show(cell) : "";
        };
        const columns = densitiesOf(own).map((density) => ({
          title: String(density),
          value: (layer: string) => showAt(layer, density),
          numeric: true,
        }));
        return [
          `${title}${variant === "" ? "" : `: ${variant}`}`,
          ...formatTextTable(
            [{ title: "layer", value: (layer: string) => layer }, ...columns],
            [...new Set(own.map(({ layer }) => layer))],
          ),
          "",
        ];
      }),
    ),
  ];
};
