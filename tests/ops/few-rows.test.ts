// Products of up to three rows, or of one column: large enough to be cut into parts of K, chunks of columns, or both.
import {
  addmm,
  cpu,
  Generator,
  linear,
  matmul,
  narrow,
  randn,
  scope,
  setThreads,
  slice,
  transpose,
} from "@tessera/tensor";
import type { Tensor } from "@tessera/tensor";
import { afterEach, describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const machine = cpu.threads;
afterEach(() => setThreads(machine));

/** How a matrix lies in memory: row by row, column by column, as a part of wider rows, or as every second element of them. */
type Order = "rows" | "columns" | "part" | "spread";

const make = (order: Order, generator: Generator, ...shape: readonly number[]): Tensor => {
  const [rows, columns] = shape.slice(-2) as [number, number];
  const matrix = (rows: number, columns: number): Tensor =>
    randn([...shape.slice(0, -2), rows, columns], { generator });
  if (order === "columns") return transpose(matrix(columns, rows), -1, -2);
  if (order === "part") return narrow(matrix(rows, columns + 5), -1, 2, columns);
  if (order === "spread") return slice(matrix(rows, 2 * columns), -1, { step: 2 });
  return matrix(rows, columns);
};

/** Σ_k a b in float64, for each matrix of a batch; B may be the same for all of them. */
const product = (a: Tensor, b: Tensor): Float64Array => {
  const [m, k, n] = [a.size(-2), a.size(-1), b.size(-1)];
  const [left, right] = [a.dataSync(), b.dataSync()];
  const entries = left.length / (m * k);
  const c = new Float64Array(entries * m * n);
  for (let row = 0; row < entries * m; row++) {
    const from = b.ndim === 2 ? 0 : Math.floor(row / m) * k * n;
    for (let p = 0; p < k; p++)
      for (let j = 0; j < n; j++) c[row * n + j]! += left[row * k + p]! * right[from + p * n + j]!;
  }
  return c;
};

/** On one thread as it should be, within the rounding of k terms of size 1; on more the same to the last bit. */
const check = async (k: number, want: Float64Array, compute: () => Tensor): Promise<void> => {
  const values = (): Float32Array => scope(() => compute().dataSync() as Float32Array);
  setThreads(1);
  const alone = values();
  let worst = 0;
  for (const [i, value] of want.entries()) worst = Math.max(worst, Math.abs(value - alone[i]!));
  expect(alone).toHaveLength(want.length);
  expect(worst).toBeLessThan(1e-5 * Math.sqrt(k) + 1e-5);
  for (const count of [2, 3]) {
    setThreads(count);
    for (let tries = 0; cpu.threadsJoined < count && tries < 500; tries++) {
      values();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(cpu.threadsJoined).toBe(count);
    expect(values()).toEqual(alone);
  }
};

interface Case {
  readonly what: string;
  readonly a: readonly [order: Order, ...shape: number[]];
  readonly b: readonly [order: Order, ...shape: number[]];
}
const cases: readonly Case[] = [
  { what: "one row, in parts of K", a: ["rows", 1, 701], b: ["rows", 701, 303] },
  { what: "two rows, in parts of K", a: ["columns", 2, 402], b: ["part", 402, 519] },
  { what: "three rows, in parts of K and chunks of columns", a: ["rows", 3, 259], b: ["rows", 259, 1101] },
  { what: "a short row, in chunks of columns", a: ["rows", 1, 67], b: ["rows", 67, 5001] },
  { what: "a long row of sums, in chunks that do not divide it", a: ["rows", 1, 40], b: ["rows", 40, 9003] },
  { what: "a batch in parts of K", a: ["rows", 2, 1, 401], b: ["rows", 2, 401, 333] },
  { what: "a batch whose matrices are tasks", a: ["rows", 20, 3, 70], b: ["rows", 20, 70, 65] },
  { what: "a column, from rows", a: ["rows", 901, 203], b: ["rows", 203, 1] },
  { what: "a column, from columns", a: ["columns", 303, 701], b: ["rows", 701, 1] },
  { what: "a column of a wider matrix", a: ["part", 901, 203], b: ["part", 203, 1] },
  { what: "dot products", a: ["rows", 2, 209], b: ["columns", 209, 777] },
  { what: "a few long dot products, in parts of K", a: ["part", 1, 40_003], b: ["columns", 40_003, 5] },
  { what: "dot products of a row that is spread", a: ["spread", 3, 209], b: ["columns", 209, 777] },
  { what: "long dot products of a row that is spread, in parts", a: ["spread", 2, 21_001], b: ["columns", 21_001, 7] },
  { what: "a batch of rows that are spread", a: ["spread", 5, 3, 97], b: ["columns", 5, 97, 65] },
  { what: "a batch of columns in memory", a: ["columns", 300, 2, 250], b: ["columns", 300, 250, 3] },
];

describe("a product of few rows", () => {
  for (const { what, a, b } of cases)
    it(what, () =>
      withoutLeaks(async () => {
        const generator = new Generator(7);
        const [left, right] = [
          scope(() => make(a[0], generator, ...(a.slice(1) as number[]))),
          scope(() => make(b[0], generator, ...(b.slice(1) as number[]))),
        ];
        const k = left.size(-1);
        const want = product(left, right);
        await check(k, want, () => matmul(left, right));
        const plus = randn([...left.shape.slice(0, -1), right.size(-1)], { generator });
        const added = plus.dataSync();
        await check(
          k,
          want.map((value, i) => value + added[i]!),
          () => addmm(plus, left, right),
        );
        for (const tensor of [left, right, plus]) tensor.dispose();
      }),
    );

  // A weight whose columns lie side by side gives sums of rows, one whose rows do gives dot products.
  for (const order of ["rows", "columns"] as const)
    it(`in parts of K, with a bias and an activation, from a weight in ${order}`, () =>
      withoutLeaks(async () => {
        const generator = new Generator(9);
        const x = randn([2, 21_001], { generator });
        const weight = scope(() => make(order, generator, 9, 21_001));
        const bias = randn([9], { generator });
        const [turned, added] = [scope(() => transpose(weight, 0, 1)), bias.dataSync()];
        const pre = product(x, turned).map((value, i) => value + added[i % 9]!);
        await check(21_001, pre, () => linear(x, weight, bias));
        await check(
          21_001,
          pre.map((value) => Math.max(value, 0)),
          () => linear(x, weight, bias, { activation: "relu" }),
        );
        for (const tensor of [x, weight, bias, turned]) tensor.dispose();
      }));
});
