import { scope } from "@tessera/tensor";
import { checkEntries, near } from "../check.ts";
import { copySpeed } from "@tessera/models/profiling";
import { SIZES } from "../machine.ts";
import { manyNormals } from "../random-data.ts";
import type { Prepared, SimpleOp } from "../rivals/rival.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import { race, speedUp, type Contender } from "../timing.ts";
import { attention } from "./attention.ts";
import { momentsOf, normalDistribution, logSumExp } from "./float64-rows.ts";
import { checkOp, NORM_EPS, rowOps, type RowOp } from "./row-ops.ts";
import { trainingOps } from "./training-ops.ts";

const COLUMNS = 512;

interface Record {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
  /** Nanoseconds for each element. */
  readonly medianNs: number;
  readonly bestNs: number;
  readonly noisy: boolean;
  readonly bytesPerSecond: number;
  readonly shareOfCopy: number;
  readonly others: readonly {
    readonly name: string;
    readonly medianNs: number;
    readonly ratio: { readonly median: number; readonly best: number };
  }[];
}

/** Ops that do little with each element: how near they come to what memory gives. */
export const memoryBound = async (setting: Setting): Promise<Table[]> => {
  const { threads, quick, peak } = setting;
  const tables: Table[] = [];
  for (const elements of quick ? SIZES.slice(0, 1) : SIZES) {
    const records: Record[] = [];
    for (const op of [...rowOps, ...trainingOps]) {
      setting.say(`${op.name}, ${elements} elements`);
      records.push(await measure(op, elements, setting));
    }
    const title = `Memory-bound ops on ${threads} ${threads === 1 ? "thread" : "threads"}, ${elements.toLocaleString("en-US")} float32 in rows of ${COLUMNS}`;
    tables.push(
      makeTable(title, records, columns(records), [
        `"of copy": the best window's bytes a second, counting what must be read and written once, against the ${digits(copySpeed(peak, elements) / 1e9)} GB/s of a plain 128-bit copy of as many elements.`,
        "Many tensors: the elements in up to 200 of them, updated or read by one call. Standardize: a layer norm without weight and bias.",
        "Cross-entropy has rows of 4096, and gives one number for each. ~: a noisy cell.",
      ]),
    );
  }
  tables.push(await attention(setting));
  return tables;
};

const measure = async (op: RowOp, elements: number, { pace, peak, rivals, say }: Setting): Promise<Record> => {
  const rows = elements / COLUMNS;
  const prepared = op.prepare(rows, COLUMNS);
  checkOp(prepared);
  const contenders: Contender[] = [{ name: "tessera", run: () => scope((): void => void prepared.compute()) }];
  const others: Prepared[] = [];
  for (const rival of op.rival ? rivals : []) {
    if (!rival.simple) continue;
    try {
      const x = manyNormals(elements, 1);
      const other = await rival.simple(op.rival!, x, [rows, COLUMNS]);
      checkRival(rival.name, op.rival!, x, await other.result());
      others.push(other);
      contenders.push({ name: rival.name, run: () => other.run() });
    } catch (error) {
      say(`${rival.name} is left out of ${op.name}: ${(error as Error).message}`);
    }
  }
  const timings = await race(contenders, { ...pace, seconds: pace.seconds / 2 });
  for (const other of others) await other.dispose();
  for (const input of prepared.inputs) input.dispose();
  const ours = timings["tessera"]!;
  const bytesPerSecond = prepared.bytes / ours.best;
  return {
    name: op.name,
    elements,
    bytes: prepared.bytes,
    medianNs: (1e9 * ours.median) / elements,
    bestNs: (1e9 * ours.best) / elements,
    noisy: ours.noisy,
    bytesPerSecond,
    shareOfCopy: bytesPerSecond / copySpeed(peak, elements),
    others: contenders.slice(1).map(({ name }) => ({
      name,
      medianNs: (1e9 * timings[name]!.median) / elements,
      ratio: speedUp(ours, timings[name]!),
    })),
  };
};

const checkRival = (name: string, op: SimpleOp, x: Float32Array, got: ArrayLike<number>): void =>
  checkEntries(`${name} ${op}`, got, x.length, (at) => {
    if (op === "add") return near(2 * x[at]!, 1);
    if (op === "exp") return near(Math.exp(x[at]!), 64);
    if (op === "gelu") return near(x[at]! * normalDistribution(x[at]!), 64, Math.abs(x[at]!));
    const start = at - (at % COLUMNS);
    const row = x.subarray(start, start + COLUMNS);
    if (op === "softmax") return near(Math.exp(x[at]! - logSumExp(row)), 256);
    const { mean, rstd } = momentsOf(row, NORM_EPS);
    return near((x[at]! - mean) * rstd, 256, 1);
  });

const columns = (records: readonly Record[]): Column<Record>[] => {
  const names = [...new Set(records.flatMap(({ others }) => others.map(({ name }) => name)))];
  return [
    { label: "op", cell: ({ name }) => name },
    {
      label: "ns/element, median (best)",
      cell: ({ medianNs, bestNs, noisy }) => `${noisy ? "~" : ""}${medianNs.toFixed(3)} (${bestNs.toFixed(3)})`,
    },
    { label: "GB/s", cell: ({ bytesPerSecond }) => digits(bytesPerSecond / 1e9) },
    { label: "of copy", cell: ({ shareOfCopy }) => percent(shareOfCopy) },
    ...names.flatMap((name): Column<Record>[] => [
      {
        label: `${name} ns`,
        cell: ({ others }) => others.find((other) => other.name === name)?.medianNs.toFixed(3) ?? "–",
      },
      {
        label: "×",
        cell: ({ others }) => {
          const other = others.find((one) => one.name === name);
          return other ? `${other.ratio.median.toFixed(2)} (${other.ratio.best.toFixed(2)})` : "–";
        },
      },
    ]),
  ];
};
