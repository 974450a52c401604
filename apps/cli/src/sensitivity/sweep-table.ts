import type { SensitivityRow } from "@tessera/sparse";
import { estimate } from "../sweep-report/statistics.ts";
import { formatPercent } from "../terminal/format.ts";
import { formatTextTable, type TextColumn } from "../terminal/format-text-table.ts";

const mean = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0) / numbers.length;

const meanOf = (numbers: readonly (number | undefined)[]): number | undefined =>
  numbers.length > 0 && numbers.every((one) => one !== undefined) ? mean(numbers) : undefined;

const signed = (value: number, digits: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

const showCell = (rows: readonly SensitivityRow[], dense: readonly SensitivityRow[]): string => {
  const measured = rows.filter(({ error }) => error === undefined);
  if (measured.length === 0) return rows.length > 0 ? "failed" : "";
  const lossOf = (seed: number): number => (dense.find((row) => row.seed === seed) ?? dense[0])?.loss ?? NaN;
  const added = measured.map(({ loss, seed }) => loss! - lossOf(seed));
  const { mean: addedMean, high } = estimate(added);
  const width = high - addedMean;
  const accuracy = meanOf(measured.map((row) => row.accuracy));
  return [
    Number.isNaN(added[0]!) ? mean(measured.map(({ loss }) => loss!)).toFixed(3) : signed(addedMean, 3),
    ...(added.length < 2 ? [] : [`±${width.toFixed(3)}`]),
    ...(accuracy === undefined ? [] : [formatPercent(accuracy)]),
  ].join(" ");
};

/** A table for each mode, block size and criterion: a row for each group, a column for each density, the loss added and the accuracy. */
export const formatSweep = (rows: readonly SensitivityRow[]): string[] => {
  const dense = rows.filter(({ mode, error }) => mode === "dense" && error === undefined);
  const loss = meanOf(dense.map((row) => row.loss));
  const accuracy = meanOf(dense.map((row) => row.accuracy));
  const tables = new Map<string, SensitivityRow[]>();
  for (const row of rows) {
    if (row.mode === "dense") continue;
    const title = `${row.mode}, blocks of ${row.blockSize}, ${row.criterion}, ${row.recover === 0 ? "one-shot" : `after ${row.recover} steps`}`;
    tables.set(title, [...(tables.get(title) ?? []), row]);
  }
  return [
    loss === undefined
      ? "dense: not measured here; below, the loss itself"
      : `dense: loss ${loss.toFixed(4)}${accuracy === undefined ? "" : `, accuracy ${formatPercent(accuracy)}`}; below, the loss added, with its 95 % interval over seeds where there are several`,
    ...[...tables].flatMap(([title, cells]) => ["", title, ...formatTable(cells, dense)]),
  ];
};

const formatTable = (cells: readonly SensitivityRow[], dense: readonly SensitivityRow[]): string[] => {
  const densities = [...new Set(cells.map(({ density }) => density))];
  const groups = [...new Set(cells.map(({ group }) => group))];
  const columns: TextColumn<string>[] = [
    { title: "layer", value: (group) => group },
    ...densities.map((density) => ({
      title: String(density),
      value: (group: string) =>
        showCell(
          cells.filter((row) => row.group === group && row.density === density),
          dense,
        ),
      numeric: true,
    })),
  ];
  return formatTextTable(columns, groups);
};
