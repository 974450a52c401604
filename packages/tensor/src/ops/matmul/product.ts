import type { Call } from "../../op.ts";
import { broadcastStrides, type Layout } from "../../shape.ts";
import { input, output, words, type Slot, type Words } from "../../slots.ts";
import type { LayerAttrs } from "./epilogue.ts";
import type { LinearSignature } from "./matmul.ts";

/** Where a tensor is. A backend that binds whole storages starts at `offset`, in elements; others are given its address. */
export interface Placed {
  readonly slot: Slot;
  readonly offset: number;
}

/** A [m, k] of each batch entry; strides are in elements. */
export interface LeftOperand extends Placed {
  readonly rowStride: number;
  readonly kStride: number;
  readonly batch: readonly number[];
}

/** B [k, n] of each batch entry. */
export interface RightOperand extends Placed {
  readonly kStride: number;
  readonly columnStride: number;
  readonly batch: readonly number[];
}

/** What is added to the sums: a bias [n], or, when `whole`, a tensor like C. */
export interface Addend extends Placed {
  readonly whole: boolean;
}

/** C[batch] = f(A[batch] · B[batch] + addend), C contiguous. `pre`: where the sums before f go. `null` for what is not there. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  readonly a: LeftOperand;
  readonly b: RightOperand;
  readonly addend: Addend | null;
  readonly out: Slot;
  readonly pre: Slot | null;
  readonly activation: LayerAttrs["activation"];
}

/** The product of the last two dims of a and b; `added` has the shape of c. */
export const productOfMatrices = ([a, b, added]: readonly [Layout, Layout, Layout?], c: Layout): Product => {
  const batch = c.shape.slice(0, -2);
  const leading = ({ shape, strides }: Layout): readonly number[] =>
    broadcastStrides({ shape: shape.slice(0, -2), strides: strides.slice(0, -2) }, batch);
  return {
    m: a.shape.at(-2)!,
    n: b.shape.at(-1)!,
    k: a.shape.at(-1)!,
    batch,
    a: {
      slot: input(0),
      offset: a.offset,
      rowStride: a.strides.at(-2)!,
      kStride: a.strides.at(-1)!,
      batch: leading(a),
    },
    b: {
      slot: input(1),
      offset: b.offset,
      kStride: b.strides.at(-2)!,
      columnStride: b.strides.at(-1)!,
      batch: leading(b),
    },
    addend: added ? { slot: input(2), offset: added.offset, whole: true } : null,
    out: output(0),
    pre: null,
    activation: "none",
  };
};

/** f(x Wᵀ + bias). The weight is Bᵀ: its rows are B's columns. All leading dims of x count as batch dims, and mostly fold into m. */
export const productOfLayer = ({
  inputs: [x, weight, bias],
  outputs: [, pre],
  attrs: { activation },
}: Call<LinearSignature>): Product => {
  const batch = x.shape.slice(0, -1);
  return {
    m: 1,
    n: weight.shape[0]!,
    k: weight.shape[1]!,
    batch,
    a: { slot: input(0), offset: x.offset, rowStride: 0, kStride: x.strides.at(-1)!, batch: x.strides.slice(0, -1) },
    b: {
      slot: input(1),
      offset: weight.offset,
      kStride: weight.strides[1]!,
      columnStride: weight.strides[0]!,
      batch: batch.map(() => 0),
    },
    addend: bias && { slot: input(2), offset: bias.offset, whole: false },
    out: output(0),
    pre: pre && output(1),
    activation,
  };
};

/**
 * The same product with as few batch dims as possible. Sizes of 1 go, neighbours merge where both operands step evenly through them, and
 * the innermost dim becomes part of m where B does not depend on it.
 */
export const folded = <P extends Product>(product: P): P => {
  let { m } = product;
  let { rowStride } = product.a;
  const kept: { size: number; a: number; b: number }[] = [];
  for (const [d, size] of product.batch.entries()) {
    const dim = { size, a: product.a.batch[d]!, b: product.b.batch[d]! };
    const last = kept.at(-1);
    if (size === 1) continue;
    if (last && last.a === dim.a * size && last.b === dim.b * size)
      kept[kept.length - 1] = { ...dim, size: last.size * size };
    else kept.push(dim);
  }
  for (let dim = kept.at(-1); dim?.b === 0 && (m === 1 || dim.a === m * rowStride); dim = kept.at(-1)) {
    if (m === 1) rowStride = dim.a;
    m *= dim.size;
    kept.pop();
  }
  return {
    ...product,
    m,
    batch: kept.map(({ size }) => size),
    a: { ...product.a, rowStride, batch: kept.map(({ a }) => a) },
    b: { ...product.b, batch: kept.map(({ b }) => b) },
  };
};

/** An argument: how many batch dims, their sizes, and lists of their strides. */
export const batchWords = (sizes: readonly number[], ...strides: readonly (readonly number[])[]): Words =>
  words([sizes.length, ...sizes, ...strides.flat()]);

/** `size` cut into equal parts of at most `max`, rounded up to a multiple of `multiple`. */
export const evenPart = (size: number, max: number, multiple: number): number =>
  Math.ceil(size / Math.ceil(size / max) / multiple) * multiple;
