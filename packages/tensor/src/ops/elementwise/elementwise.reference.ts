import { faultError } from "../../backends/fault-error.ts";
import type { Data, FaultReport, ReferenceKernel } from "../../op.ts";
import { broadcastStrides, contiguousStrides, type Shape } from "../../shape.ts";
import { forEachElement } from "../move/copy.reference.ts";
import type { BinarySignature, TernarySignature, UnarySignature, WhereSignature } from "./rows.ts";

type Unary<A extends object> = (x: number, attrs: A) => number;

/** y[i] = f(x[i]). */
export const unaryReference =
  <A extends object>(f: Unary<A>): ReferenceKernel<UnarySignature<A>> =>
  ([x], [y], attrs) => {
    for (let i = 0; i < y.values.length; i++) y.values[i] = f(x.values[i]!, attrs);
  };

/** z[i] = f(x[i], y[i]), both broadcast to the shape of z. `fault`: what is said of a y[i] with which int32 has no result. */
export const binaryReference =
  <A extends object>(
    f: (x: number, y: number, attrs: A) => number,
    ofInts: typeof f,
    fault?: FaultReport,
  ): ReferenceKernel<BinarySignature<A>> =>
  ([x, y], [z], attrs) => {
    const at = broadcastIndex(z.layout.shape, [x, y]);
    const isInt = x.layout.dtype === "int32";
    const judged = isInt ? fault : undefined;
    const call = isInt ? ofInts : f;
    for (let i = 0; i < z.values.length; i++) {
      const value = call(x.values[at[0]![i]!]!, y.values[at[1]![i]!]!, attrs);
      if (judged && Number.isNaN(value)) throw faultError(judged(y.values[at[1]![i]!]!));
      z.values[i] = value;
    }
  };

/** out[i] = f(x[i], y[i], z[i]), all three broadcast to the shape of the output. */
export const ternaryReference =
  (f: (x: number, y: number, z: number) => number): ReferenceKernel<TernarySignature> =>
  (inputs, [out]) => {
    const [x, y, z] = inputs;
    const at = broadcastIndex(out.layout.shape, inputs);
    for (let i = 0; i < out.values.length; i++)
      out.values[i] = f(x.values[at[0]![i]!]!, y.values[at[1]![i]!]!, z.values[at[2]![i]!]!);
  };

/** y[i] = condition[i] ? a[i] : b[i], all three broadcast to the shape of y. */
export const whereReference: ReferenceKernel<WhereSignature> = ([condition, a, b], [y]) => {
  const at = broadcastIndex(y.layout.shape, [condition, a, b]);
  for (let i = 0; i < y.values.length; i++)
    y.values[i] = condition.values[at[0]![i]!] ? a.values[at[1]![i]!]! : b.values[at[2]![i]!]!;
};

/** For each operand, which of its elements goes into element i of the output. */
const broadcastIndex = (shape: Shape, operands: readonly Data[]): Int32Array[] =>
  operands.map(({ layout }) => {
    const strides = broadcastStrides({ shape: layout.shape, strides: contiguousStrides(layout.shape) }, shape);
    const index = new Int32Array(shape.reduce((n, size) => n * size, 1));
    forEachElement({ shape, strides, offset: 0, dtype: layout.dtype }, (i, at) => {
      index[i] = at;
    });
    return index;
  });
