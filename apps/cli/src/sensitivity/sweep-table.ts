import type { SensitivityRow } from "@tessera/sparse";
import { formatPercent } from "../terminal/format.ts";
import { formatTextTable, type TextColumn } from "../terminal/format-text-table.ts";

const mean = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0) / numbers.length;

const meanOf = (numbers: readonly (number | undefined)[]): number | undefined =>
  numbers.length > 0 && numbers.every((one) => one !== undefined) ? mean(numbers) : undefined;

/** Half the width of the middle 95 % of a mean over seeds by Student's t; nothing for one seed. */
const T_975 = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const halfWidth = (numbers: readonly number[]): number | undefined => {
  const n = numbers.length;
  if (n < 2) return undefined;
  const middle = mean(numbers);
  const variance = numbers.reduce((total, one) => total + (one - middle) ** 2, 0) / (n - 1);
  return (T_975[n - 2] ?? 1.96) * Math.sqrt(variance / n);
};

const signed = (value: number, digits: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

const showCell = (rows: readonly SensitivityRow[], dense: readonly SensitivityRow[]): string => {
  const measured = rows.filter(({ error }) => error === undefined);
  if (measured.length === 0) return rows.length > 0 ? "failed" : "";
  const lossOf = (seed: number): number => (dense.find((row) => row.seed === seed) ?? dense[0])?.loss ?? NaN;
  const added = measured.map(({ loss, seed }) => loss! - lossOf(seed));
  const width = halfWidth(added);
  const accuracy = meanOf(measured.map((row) => row.accuracy));
  return [
    Number.isNaN(added[0]!) ? mean(measured.map(({ loss }) => loss!)).toFixed(3) : signed(mean(added), 3),
    ...(width === undefined ? [] : [`±${width.toFixed(3)}`]),
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

/** What the report draws: for the first mode, block size and criterion the means over seeds. */
export const summarise = (
  rows: readonly SensitivityRow[],
): {
  blockSize: number;
  dense: { loss: number; accuracy?: number };
  cells: { layer: string; density: number; realised: number; loss: number; accuracy?: number }[];
} => {
  const measured = rows.filter(({ error }) => error === undefined);
  const first = measured.find(({ mode }) => mode !== "dense");
  const own = measured.filter(
    ({ mode, blockSize, criterion }) =>
      mode === first?.mode && blockSize === first.blockSize && criterion === first.criterion,
  );
  const keys = new Set(own.map(({ group, density }) => JSON.stringify([group, density])));
  const withAccuracy = (accuracy: number | undefined): { accuracy?: number } =>
    accuracy === undefined ? {} : { accuracy };
  const dense = measured.filter(({ mode }) => mode === "dense");
  return {
    blockSize: first?.blockSize ?? 0,
    dense: { loss: mean(dense.map(({ loss }) => loss!)), ...withAccuracy(meanOf(dense.map((row) => row.accuracy))) },
    cells: [...keys].map((key) => {
      const [layer, density] = JSON.parse(key) as [string, number];
      const same = own.filter((row) => row.group === layer && row.density === density);
      return {
        layer,
        density,
        realised: mean(same.map(({ realisedDensity }) => realisedDensity!)),
        loss: mean(same.map(({ loss }) => loss!)),
        ...withAccuracy(meanOf(same.map((row) => row.accuracy))),
      };
    }),
  };
};
