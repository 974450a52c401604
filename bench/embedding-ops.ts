import { embedding, tensor } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import { embeddingBackwardOp } from "@tessera/tensor/ops/index";
import { checkEntries, near, type Expected } from "./check.ts";
import type { PreparedOp } from "./prepared-op.ts";
import { indices, manyNormals } from "./random-data.ts";

/** Rows of a table: read once and written once. */
export const embeddingForward = (rows: number, vocabulary: number, columns: number): PreparedOp => {
  const host = { table: manyNormals(vocabulary * columns, 1), ids: indices(rows, vocabulary, 6) };
  const [table, ids] = [tensor(host.table, [vocabulary, columns]), tensor(host.ids)];
  return {
    bytes: 8 * rows * columns + 4 * rows,
    inputs: [table, ids],
    compute: () => embedding(ids, table),
    check: (got) =>
      checkEntries("embedding", got, rows * columns, (at) =>
        near(host.table[host.ids[Math.floor(at / columns)]! * columns + (at % columns)]!, 0),
      ),
  };
};

/** The table's gradient: the rows' are read, all of it is written. */
export const embeddingBackward = (rows: number, vocabulary: number, columns: number): PreparedOp => {
  const host = { dy: manyNormals(rows * columns, 1), ids: indices(rows, vocabulary, 6) };
  const [dy, ids] = [tensor(host.dy, [rows, columns]), tensor(host.ids)];
  return {
    bytes: 4 * rows * columns + 4 * vocabulary * columns + 4 * rows,
    inputs: [dy, ids],
    compute: () => run(embeddingBackwardOp, [dy, ids, null], { rows: vocabulary, paddingIdx: null })[0],
    check: (got) => {
      // A sum of so many numbers, in whatever order.
      const expected = (at: number): Expected => {
        let [total, size, uses] = [0, 0, 0];
        for (let row = 0; row < rows; row++)
          if (host.ids[row] === Math.floor(at / columns)) {
            const value = host.dy[row * columns + (at % columns)]!;
            total += value;
            size += Math.abs(value);
            uses++;
          }
        return near(total, uses, size);
      };
      checkEntries("embedding backward", got, vocabulary * columns, expected);
      // Most rows of a large table were not looked up: those that were, too.
      const used = host.ids.subarray(0, 20);
      const values = Float32Array.from(used, (id) => got[id * columns]!);
      checkEntries("embedding backward, rows in use", values, used.length, (i) => expected(used[i]! * columns));
    },
  };
};
