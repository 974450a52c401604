import type { DType } from "../../dtype.ts";
import { DTypeError } from "../../error.ts";
import { defineOp, type FaultReport, type Op, type Signature } from "../../op.ts";
import { broadcastShapes, type Layout } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { input, output } from "../../slots.ts";
import {
  elementwiseCpu,
  type BinaryKernel,
  type TernaryKernel,
  type UnaryKernel,
  type WhereKernel,
} from "./elementwise.cpu.ts";
import { elementwiseWgsl } from "./elementwise.wgsl.ts";
import { binaryReference, ternaryReference, unaryReference, whereReference } from "./elementwise.reference.ts";

// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- "no attributes" is exactly the empty object
type None = {};
export interface UnarySignature<A extends object = None> extends Signature {
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: A;
}
export interface BinarySignature<A extends object = None> extends Signature {
  inputs: [x: Tensor, y: Tensor];
  outputs: [z: Tensor];
  attrs: A;
}
export interface TernarySignature extends Signature {
  inputs: [x: Tensor, y: Tensor, z: Tensor];
  outputs: [out: Tensor];
}
export interface WhereSignature extends Signature {
  inputs: [condition: Tensor, a: Tensor, b: Tensor];
  outputs: [y: Tensor];
}

/** The `cpu` kernel for each input dtype that the op takes; the others are refused. */
type Kernels<K> = { readonly [D in DType]?: K };

/**
 * The `webgpu` kernel: an expression in x, y, z and the parameters w.p0, w.p1, or a function body that returns one. A bool operand is
 * a u32, 0 or 1.
 */
type Expression<A extends object> = string | ((dtype: DType, attrs: A) => string);

interface UnaryRow<A extends object> {
  readonly reference: (x: number, attrs: A) => number;
  readonly wgsl: Expression<A>;
  readonly cpu: Kernels<UnaryKernel> | ((attrs: A) => Kernels<UnaryKernel>);
  /** Default: that of the input. */
  readonly out?: (input: DType, attrs: A) => DType;
  /** w.p0, w.p1 in WGSL. */
  readonly args?: (attrs: A) => readonly number[];
}

interface BinaryRow<A extends object> {
  readonly reference: (x: number, y: number, attrs: A) => number;
  readonly wgsl: Expression<A>;
  readonly cpu: Kernels<BinaryKernel> | ((attrs: A) => Kernels<BinaryKernel>);
  readonly out?: DType;
  /** The same for int32, where float64 does not hold every result. */
  readonly referenceInt32?: (x: number, y: number) => number;
  /** What is said of a y with which int32 has no result: the kernels of int32 report it, and `reference` gives NaN. */
  readonly fault?: FaultReport;
}

const expressionOf = <A extends object>(wgsl: Expression<A>, inputs: readonly Layout[], attrs: A): string =>
  typeof wgsl === "function" ? wgsl(inputs[0]!.dtype, attrs) : wgsl;

/** An op y = f(x) on every element. */
export const unary = <A extends object = None>(name: string, row: UnaryRow<A>): Op<UnarySignature<A>> => {
  const kernels = (attrs: A): Kernels<UnaryKernel> => (typeof row.cpu === "function" ? row.cpu(attrs) : row.cpu);
  return defineOp<UnarySignature<A>>({
    name,
    family: "elementwise",
    infer: ([x], attrs) => {
      checkDType(name, x.dtype, kernels(attrs));
      return [{ shape: x.shape, dtype: row.out?.(x.dtype, attrs) ?? x.dtype }];
    },
    kernels: {
      reference: unaryReference<A>(row.reference),
      cpu: elementwiseCpu<UnarySignature<A>>(({ inputs, attrs, words, launch }) =>
        kernels(attrs)[inputs[0]!.dtype]!({ x: input(0), y: output(0), words }, launch),
      ),
      webgpu: elementwiseWgsl<UnarySignature<A>>(
        name,
        (inputs, attrs) => expressionOf(row.wgsl, inputs, attrs),
        (attrs) => row.args?.(attrs) ?? [],
      ),
    },
  });
};

/** An op z = f(x, y) on every pair of elements, after broadcasting. */
export const binary = <A extends object = None>(name: string, row: BinaryRow<A>): Op<BinarySignature<A>> => {
  const kernels = (attrs: A): Kernels<BinaryKernel> => (typeof row.cpu === "function" ? row.cpu(attrs) : row.cpu);
  const { fault } = row;
  const judged = (x: Layout) => (fault && x.dtype === "int32" ? { fault } : {});
  return defineOp<BinarySignature<A>>({
    name,
    family: "elementwise",
    infer: ([x, y], attrs) => {
      checkSameDType(name, x.dtype, y.dtype);
      checkDType(name, x.dtype, kernels(attrs));
      return [{ shape: broadcastShapes(name, x.shape, y.shape), dtype: row.out ?? x.dtype }];
    },
    kernels: {
      reference: binaryReference<A>(row.reference, row.referenceInt32 ?? row.reference, fault),
      cpu: elementwiseCpu<BinarySignature<A>>(({ inputs: [x], attrs, words, launch }) =>
        kernels(attrs)[x!.dtype]!({ x: input(0), y: input(1), z: output(0), words }, { ...launch, ...judged(x!) }),
      ),
      webgpu: elementwiseWgsl<BinarySignature<A>>(
        name,
        (inputs, attrs) => expressionOf(row.wgsl, inputs, attrs),
        () => [],
        ([x]) => judged(x!).fault,
      ),
    },
  });
};

interface TernaryRow {
  readonly reference: (x: number, y: number, z: number) => number;
  readonly wgsl: string;
  readonly cpu: TernaryKernel;
}

/** An op out = f(x, y, z) on all of three float32 tensors, after broadcasting. */
export const ternary = (name: string, row: TernaryRow): Op<TernarySignature> =>
  defineOp<TernarySignature>({
    name,
    family: "elementwise",
    infer: (inputs) => {
      for (const { dtype } of inputs) checkDType(name, dtype, { float32: row.cpu });
      return [{ shape: broadcastShapes(name, ...inputs.map(({ shape }) => shape)), dtype: "float32" }];
    },
    kernels: {
      reference: ternaryReference(row.reference),
      cpu: elementwiseCpu<TernarySignature>(({ words, launch }) =>
        row.cpu({ x: input(0), y: input(1), z: input(2), out: output(0), words }, launch),
      ),
      webgpu: elementwiseWgsl<TernarySignature>(name, () => row.wgsl),
    },
  });

/** The op behind `where`: the condition is bool, the branches share a dtype. */
export const choice = (name: string, cpu: Required<Kernels<WhereKernel>>): Op<WhereSignature> =>
  defineOp<WhereSignature>({
    name,
    family: "elementwise",
    infer: ([condition, a, b]) => {
      if (condition.dtype !== "bool")
        throw new DTypeError(`${name}: the condition is bool, got ${condition.dtype}; compare first, as in gt(x, 0)`);
      checkSameDType(name, a.dtype, b.dtype);
      return [{ shape: broadcastShapes(name, condition.shape, a.shape, b.shape), dtype: a.dtype }];
    },
    kernels: {
      reference: whereReference,
      cpu: elementwiseCpu<WhereSignature>(({ inputs, words, launch }) =>
        cpu[inputs[1]!.dtype]({ condition: input(0), a: input(1), b: input(2), y: output(0), words }, launch),
      ),
      webgpu: elementwiseWgsl<WhereSignature>(name, () => "select(z, y, x != 0u)"),
    },
  });

const checkDType = (op: string, dtype: DType, kernels: Kernels<unknown>): void => {
  if (!kernels[dtype])
    throw new DTypeError(
      `${op}: expected ${Object.keys(kernels).join(" or ")}, got ${dtype}; cast(x, "float32") first?`,
    );
};

/** Nothing is promoted silently. */
export const checkSameDType = (op: string, a: DType, b: DType): void => {
  if (a !== b) throw new DTypeError(`${op}: dtypes differ, ${a} and ${b}; cast one side`);
};
