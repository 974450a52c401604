import { matmul, narrow, scope, tensor, transpose, type Tensor } from "@tessera/tensor";
import { checkEntries, dot } from "../check.ts";
import { normals } from "../random-data.ts";
import type { ProductShape } from "../rivals/rival.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import { race, speedUp, type Contender, type Timing } from "../timing.ts";
import { denseEpilogues } from "./dense-epilogues.ts";

const SHAPES: readonly ProductShape[] = [
  [64, 64, 64],
  [128, 128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [2048, 2048, 2048],
  [512, 256, 1024],
  [512, 1024, 256],
  [2048, 768, 3072],
  // One token and one output: a product of a matrix and a vector.
  [1, 768, 3072],
  [3072, 768, 1],
];
const QUICK: readonly ProductShape[] = [
  [128, 128, 128],
  [96, 64, 160],
  [1, 96, 160],
];

/** Whose memory order differs from that of a plain product's operands; `view`: both are the left half of something wider. */
const LAYOUTS = ["NN", "NT", "TN", "TT", "view"] as const;
type Layout = (typeof LAYOUTS)[number];

interface Measured {
  readonly name: string;
  readonly medianGflops: number;
  readonly bestGflops: number;
  readonly noisy: boolean;
  /** How many times faster our NN product is. */
  readonly ratio: { readonly median: number; readonly best: number };
}
interface Record {
  readonly shape: ProductShape;
  readonly ours: Measured;
  readonly shareOfPeak: number;
  readonly others: readonly Measured[];
}

/** The dense product C = A B at several shapes, ours in several layouts, beside the rivals'. */
export const dense = async (setting: Setting): Promise<Table[]> => {
  const records: Record[] = [];
  for (const shape of setting.quick ? QUICK : SHAPES) {
    setting.say(`dense ${shape.join("×")}`);
    records.push(await measure(shape, setting));
  }
  const { threads, peak } = setting;
  setting.say("fused epilogues");
  const epilogues = await denseEpilogues(setting);
  const title = `Dense product on ${threads} ${threads === 1 ? "thread" : "threads"}: GFLOP/s, median (best)`;
  return [
    makeTable(title, records, columns(records), [
      `"of peak": our best window against the measured ${digits(peak.flops / 1e9)} GFLOP/s of a loop in registers.`,
      `"×": how many times faster we are, by the median of samples of the same round (by the best windows). NT, TN, TT: our own product with operands transposed; view: with both as the left halves of wider matrices; "×" there: how many times faster NN is.`,
      "~: the median is more than 20 % above the best window, so the machine was not quiet.",
      ...(setting.rivals.some(({ name }) => name === "ort-web")
        ? ["ort-web copies its operands in and its result out at each call; it cannot do otherwise."]
        : []),
      ...(threads > 1 && setting.rivals.length > 0
        ? ["tfjs-wasm and jax-js have one thread in Node as they come; they are made to use more here."]
        : []),
    ]),
    epilogues,
  ];
};

const measure = async (shape: ProductShape, { pace, rivals, peak, say }: Setting): Promise<Record> => {
  const [m, k, n] = shape;
  const [a, b] = [normals(m * k, 1), normals(k * n, 2)];
  const check = (what: string, got: ArrayLike<number>): void =>
    checkEntries(`${what} ${shape.join("×")}`, got, m * n, (at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      return dot(
        k,
        (p) => a[row * k + p]!,
        (p) => b[p * n + column]!,
      );
    });

  const operands = {
    NN: [tensor(a, [m, k]), tensor(b, [k, n])],
    NT: [tensor(a, [m, k]), flipped(b, k, n)],
    TN: [flipped(a, m, k), tensor(b, [k, n])],
    TT: [flipped(a, m, k), flipped(b, k, n)],
    view: [leftHalf(a, m, k), leftHalf(b, k, n)],
  } as const;
  const contenders: Contender[] = LAYOUTS.map((layout) => {
    const [left, right] = operands[layout];
    check(
      layout,
      scope(() => matmul(left, right).dataSync()),
    );
    return {
      name: layout,
      run: () => scope((): void => void matmul(left, right)),
    };
  });
  const prepared = [];
  for (const rival of rivals) {
    try {
      const product = await rival.product(a, b, shape);
      check(rival.name, await product.result());
      prepared.push(product);
      contenders.push({ name: rival.name, run: () => product.run() });
    } catch (error) {
      say(`${rival.name} is left out at ${shape.join("×")}: ${(error as Error).message}`);
    }
  }
  const timings = await race(contenders, pace);
  for (const product of prepared) await product.dispose();
  for (const pair of Object.values(operands)) for (const operand of pair) operand.dispose();

  const nn = timings["NN" satisfies Layout]!;
  const measured = (name: string, timing: Timing): Measured => ({
    name,
    medianGflops: (2e-9 * m * k * n) / timing.median,
    bestGflops: (2e-9 * m * k * n) / timing.best,
    noisy: timing.noisy,
    ratio: speedUp(nn, timing),
  });
  const [ours, ...others] = contenders.map(({ name }) => measured(name, timings[name]!));
  return { shape, ours: ours!, shareOfPeak: (1e9 * ours!.bestGflops) / peak.flops, others };
};

/** The matrix in column-major order, seen as what it is. */
const flipped = (values: Float32Array, rows: number, columns: number): Tensor => {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column]!;
  return scope(() => transpose(tensor(turned, [columns, rows]), 0, 1));
};

/** The matrix as the left half of one twice as wide. */
const leftHalf = (values: Float32Array, rows: number, columns: number): Tensor => {
  const wide = new Float32Array(2 * values.length);
  for (let row = 0; row < rows; row++) wide.set(values.subarray(row * columns, (row + 1) * columns), 2 * row * columns);
  return scope(() => narrow(tensor(wide, [rows, 2 * columns]), 1, 0, columns));
};

const columns = (records: readonly Record[]): Column<Record>[] => {
  const names = [...new Set(records.flatMap(({ others }) => others.map(({ name }) => name)))];
  const speed = ({ medianGflops, bestGflops, noisy }: Measured): string =>
    `${noisy ? "~" : ""}${digits(medianGflops)} (${digits(bestGflops)})`;
  return [
    { label: "M×K×N", cell: ({ shape }) => shape.join("×") },
    { label: "tessera NN", cell: ({ ours }) => speed(ours) },
    { label: "of peak", cell: ({ shareOfPeak }) => percent(shareOfPeak) },
    ...names.flatMap((name): Column<Record>[] => {
      const find = ({ others }: Record): Measured | undefined => others.find((other) => other.name === name);
      const show = (record: Record, text: (measured: Measured) => string): string => {
        const found = find(record);
        return found ? text(found) : "–";
      };
      return [
        { label: name, cell: (record) => show(record, speed) },
        {
          label: "×",
          cell: (record) => show(record, ({ ratio }) => `${ratio.median.toFixed(2)} (${ratio.best.toFixed(2)})`),
        },
      ];
    }),
  ];
};
