import { defaultDevice, type Backend } from "./backend.ts";
import type { WasmBuild } from "./backends/cpu/wasm-build.ts";
import type { DeviceProfile } from "./device-profile.ts";
import type { TypedArray } from "./dtype.ts";
import { ArgumentError, DeviceError, ShapeError, type TesseraError } from "./error.ts";
import { describe } from "./host-data.ts";
import { copyCpu } from "./ops/move/copy.cpu.ts";
import { copyWgsl } from "./ops/move/copy.wgsl.ts";
import { copyReference } from "./ops/move/copy.reference.ts";
import { isContiguous, numel, showShape, type Layout, type TensorSpec } from "./shape.ts";
import type { ScalarRef, Slot, Words } from "./slots.ts";
import { Tensor } from "./tensor.ts";

/** A number that may change without a new plan: a learning rate, a seed. A cell is read at every launch. */
export type Scalar = number | { readonly value: number };

/** Labelled tuples. `| null`: an optional input, or a trailing output that only gradients read. */
export interface Signature {
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly (Tensor | null)[];
  readonly attrs?: object;
  readonly scalars?: { readonly [name: string]: Scalar };
}
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- "no attributes" is exactly the empty object
export type Attrs<S extends Signature> = S extends { attrs: infer A extends object } ? A : {};
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- "no scalars" is exactly the empty object
export type Scalars<S extends Signature> = S extends { scalars: infer X extends object } ? X : {};
/** Each tensor of a tuple replaced by `U`; optional ones stay optional. */
export type Each<T extends readonly (Tensor | null)[], U> = {
  readonly [I in keyof T]: null extends T[I] ? U | null : U;
};

/** One launch, without its data: what a plan may depend on. */
export interface Call<S extends Signature> {
  readonly inputs: Each<S["inputs"], Layout>;
  readonly outputs: Each<S["outputs"], Layout>;
  readonly attrs: Attrs<S>;
}

export type { ScalarRef, Slot, Words } from "./slots.ts";

/** A WebAssembly module of kernels, as `wasmModule` made it. */
export interface WasmModule {
  /** What it was made of: two modules of one text are the same. */
  readonly text: string;
  /** One of its builds. */
  bytes(build: WasmBuild): Uint8Array<ArrayBuffer>;
  /** The package that it comes from, for errors. */
  readonly name: string;
  /** Where its static data lies in the memory that all modules share; `null` when it has none. */
  readonly slot: number | null;
}

/** What a `cpu` kernel is called with, after the task number: addresses, numbers, scalars, or the address of a list of int32s and addresses. */
export type CpuArgument = Slot | number | ScalarRef | Words;

/** What to say of a number that a kernel reports, such as an index outside its tensor: a text, for an IndexError, or the error. */
export type FaultReport = (value: number) => string | TesseraError;

/** Calls `fn(task, ...args)` once for each task, in any order, on any thread. */
export interface CpuStep {
  readonly wasm: WasmModule;
  readonly fn: string;
  readonly args: readonly CpuArgument[];
  readonly tasks: number;
  /** What to say when the kernel finds a number that it cannot use: a text, for an IndexError, or the error. */
  readonly fault?: FaultReport;
}

/** A WGSL program. Its identity names the pipeline: `kernel` makes it once, and `variants` once for each of its forms. */
export interface Shader {
  /** The op that it belongs to, for errors and profiles. */
  readonly label: string;
  readonly wgsl: string;
}

/**
 * One 32-bit member of a shader's `Words`: a whole number, a float32, a scalar of the launch as float32, or the lower or upper half
 * of a scalar that is a whole number up to 2⁵³.
 */
export type WebgpuWord =
  | number
  | { readonly f32: number }
  | { readonly scalar: string }
  | { readonly low: string }
  | { readonly high: string };

/**
 * One dispatch, as a call of a `kernel` makes it. The shader declares `@binding(0) var<uniform> w: Words` when there are words, then one
 * storage buffer for each entry of `bind`, in order, from `@binding(1)` on.
 */
export interface WebgpuStep {
  readonly shader: Shader;
  readonly bind: readonly Slot[];
  readonly words?: readonly WebgpuWord[];
  /**
   * How many; a dim of a dispatch has only 65,535, so they may be spread over x and y, and a few more of them may run. The shader
   * numbers them `group.x + group.y * groups.x`; the surplus ones return at once.
   */
  readonly workgroups: number;
  /**
   * What to say when the kernel reports an index that it cannot use. The shader's last member of `Words` is then `fault: u32`, and its
   * last buffer `fault`: a kernel with `faults: true` declares them.
   */
  readonly fault?: FaultReport;
}

/** How one launch runs: steps in order, and the scratch memory that they share. */
export interface Plan<Step> {
  readonly steps: readonly Step[];
  readonly scratchBytes?: readonly number[];
}

export interface Planner<S extends Signature, Step> {
  /** Inputs read as views; `run` makes the others contiguous first. */
  readonly strided?: readonly number[] | "all";
  /** Pure: equal calls give equal plans on one device. */
  plan(call: Call<S>, device: DeviceProfile): Plan<Step>;
}

/** A tensor as a reference kernel sees it: its elements in row-major order, from `values[0]` on. */
export interface Data {
  readonly layout: Layout;
  readonly values: TypedArray;
}

/**
 * Plain loops with float64 sums: the specification that every other backend must agree with. Inputs are contiguous.
 * Declared as a method, so that ops of all signatures fit one list.
 */
export type ReferenceKernel<S extends Signature> = {
  kernel(
    inputs: Each<S["inputs"], Data>,
    outputs: Each<S["outputs"], Data>,
    attrs: Attrs<S>,
    scalars: { readonly [K in keyof Scalars<S>]: number },
  ): void;
}["kernel"];

export interface Kernels<S extends Signature> {
  readonly reference: ReferenceKernel<S>;
  /** `"reference"` is for third-party ops without AssemblyScript. */
  readonly cpu: Planner<S, CpuStep> | "reference";
  /** `"none"` is for third-party ops that do not run on webgpu: a launch throws. */
  readonly webgpu: Planner<S, WebgpuStep> | "none";
}

/** A lower bound on what a launch costs. */
export interface Cost {
  /** Multiply-adds of its products. Default: none, the op is bound by memory. */
  readonly multiplyAdds?: number;
  /** Bytes read and written. Default: every input and every output once. */
  readonly bytes?: number;
}

/** One op: what it computes, its shape rule and one kernel for each backend. */
export interface Op<S extends Signature> {
  readonly name: string;
  /** The group under which a profile lists it: "norms". */
  readonly family?: string;
  /**
   * Specs of all outputs, extras included, never from data; `null` for an optional one that a call with these attributes does not have.
   * Throws ShapeError or DTypeError.
   */
  infer(inputs: Each<S["inputs"], TensorSpec>, attrs: Attrs<S>): Each<S["outputs"], TensorSpec>;
  /** Trailing outputs made only while something records. */
  readonly extras?: number;
  /** Inputs written in place. */
  mutates?(input: number): boolean;
  /** For profiles; from shapes alone. */
  cost?(call: Call<S>): Cost;
  /** A missing kernel does not compile. Views have a layout rule instead; `null`: copy first. */
  readonly kernels: Kernels<S> | { view(this: void, input: Layout, attrs: Attrs<S>): Layout | null };
}

/** An op that computes. Views are not among them: `run` answers those itself, and no backend sees one. */
export interface KernelOp<S extends Signature> extends Op<S> {
  readonly kernels: Kernels<S>;
}

/** An op that only looks at its input in another way: its layout rule is all there is. */
export interface ViewOp<S extends Signature> extends Op<S> {
  readonly kernels: { view(this: void, input: Layout, attrs: Attrs<S>): Layout | null };
}

/** Whether an op has kernels, rather than a layout rule. */
export const hasKernels = <S extends Signature>(op: Op<S>): op is KernelOp<S> => !("view" in op.kernels);

export const defineOp = <S extends Signature>(op: Op<S>): Op<S> => op;

/** One op that ran, as a recorder sees it. */
export interface Recorded {
  readonly op: Op<Signature>;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly (Tensor | null)[];
  readonly attrs: object;
  readonly scalars: { readonly [name: string]: Scalar };
}

export interface Recorder {
  /** Whether an op on these inputs is worth recording. */
  wants(inputs: readonly (Tensor | null)[]): boolean;
  record(call: Recorded): void;
}

let recorders: readonly Recorder[] = [];

/** Runs `fn` while `recorder` sees every op that it wants; with `null`, while nothing is recorded. Recorders nest. */
export const withRecorder = <T>(recorder: Recorder | null, fn: () => T): T => {
  const before = recorders;
  recorders = recorder ? [...before, recorder] : [];
  try {
    return fn();
  } finally {
    recorders = before;
  }
};

/** The recorders that watch now, innermost last. */
export const activeRecorders = (): readonly Recorder[] => recorders;

type Rest<S extends Signature> = keyof Scalars<S> extends never
  ? keyof Attrs<S> extends never
    ? []
    : [attrs: Attrs<S>]
  : [attrs: Attrs<S>, scalars: Scalars<S>];

const none: { readonly [name: string]: never } = {};

/**
 * Runs an op: checks it, makes the outputs on the inputs' device, launches, and tells the recorders.
 * An op without inputs runs on `attrs.device`, or on the default device.
 */
export const run = <S extends Signature>(op: Op<S>, inputs: S["inputs"], ...rest: Rest<S>): S["outputs"] => {
  const [attrs = none, scalars = none] = rest as [Attrs<S>?, Scalars<S>?];
  const call: Recorded = { op, inputs, outputs: [], attrs, scalars };
  return runRecorded(call);
};

const runRecorded = ({ op, inputs, attrs, scalars }: Recorded): readonly (Tensor | null)[] => {
  const device = commonDevice(op.name, inputs, attrs);
  const specs = inferred(op, inputs, attrs);
  const watching = recorders.filter((recorder) => recorder.wants(inputs));
  const outputs = hasKernels(op)
    ? compute({ op, inputs, attrs, scalars }, device, specs, watching.length > 0)
    : [view(op as ViewOp<Signature>, inputs[0]!, attrs)];
  for (const recorder of watching) recorder.record({ op, inputs, outputs, attrs, scalars });
  return outputs;
};

/** What an op makes. A rule that reads a `null` was given one where it needs a tensor: the types say so, JavaScript does not. */
const inferred = (
  op: Op<Signature>,
  inputs: readonly (Tensor | null)[],
  attrs: object,
): readonly (TensorSpec | null)[] => {
  try {
    return op.infer(inputs, attrs);
  } catch (error) {
    const at = inputs.indexOf(null);
    if (at < 0 || !(error instanceof TypeError)) throw error;
    throw new ArgumentError(`${op.name}: a tensor expected as input ${at}, got null; make one with tensor(…)`);
  }
};

/** Shares the storage where the layout rule allows, else copies into row-major order first. */
const view = ({ name, kernels }: ViewOp<Signature>, input: Tensor, attrs: object): Tensor => {
  const rule = kernels.view;
  const direct = rule(input, attrs);
  if (direct) return new Tensor(input.storage.retain(), direct, name);
  const copied = contiguousCopy(input);
  const layout = rule(copied, attrs);
  if (!layout) throw new ShapeError(`${name}: its layout rule refused a contiguous ${showShape(input.shape)} tensor`);
  const out = new Tensor(copied.storage.retain(), layout, name);
  copied.dispose();
  return out;
};

const compute = (
  { op, inputs, attrs, scalars }: Omit<Recorded, "op" | "outputs"> & { readonly op: KernelOp<Signature> },
  device: Backend,
  specs: readonly (TensorSpec | null)[],
  recording: boolean,
): readonly (Tensor | null)[] => {
  const strided = device.readsViews(op);
  const copies: Tensor[] = [];
  const outputs: (Tensor | null)[] = [];
  try {
    const ready = inputs.map((input, i) => {
      if (!input) return null;
      const mutated = op.mutates?.(i) ?? false;
      if (mutated) input.storage.mutate(op.name);
      if (strided === "all" || strided?.includes(i) || isContiguous(input)) return input;
      if (mutated)
        throw new ShapeError(
          `${op.name}: input ${i} is written in place and must be contiguous, got a strided view of ${showShape(input.shape)}`,
        );
      const copied = contiguousCopy(input);
      copies.push(copied);
      return copied;
    });
    const shown = specs.length - (recording ? 0 : (op.extras ?? 0));
    for (const [i, spec] of specs.entries())
      outputs.push(spec && i < shown ? Tensor.empty(spec.shape, spec.dtype, device, op.name) : null);
    if (op.mutates || outputs.some((output) => output && numel(output.shape) > 0))
      device.launch({
        op,
        call: { inputs: ready, outputs, attrs },
        inputs: ready.map((input) => input && input.storage.buffer),
        outputs: outputs.map((output) => output && output.storage.buffer),
        scalars: readScalars(scalars),
      });
  } catch (error) {
    for (const output of outputs) output?.dispose();
    throw error;
  } finally {
    for (const copied of copies) copied.dispose();
  }
  return outputs;
};

const readScalars = (scalars: { readonly [name: string]: Scalar }): { readonly [name: string]: number } => {
  const values: { [name: string]: number } = {};
  for (const name in scalars) {
    const scalar = scalars[name]!;
    values[name] = typeof scalar === "number" ? scalar : scalar.value;
  }
  return values;
};

const commonDevice = (op: string, inputs: readonly (Tensor | null)[], attrs: object): Backend => {
  let first: Tensor | null = null;
  for (const input of inputs) {
    if (input === null) continue;
    // The types say so; JavaScript does not.
    if ((input as Partial<Tensor> | undefined)?.device === undefined)
      throw new ArgumentError(`${op}: a tensor expected, got ${describe(input)}; make one with tensor(…)`);
    if (!first) first = input;
    else if (input.device !== first.device)
      throw new DeviceError(
        `${op}: tensors on one device expected, got ${first.device.name} and ${input.device.name}; move one with await x.to("${first.device.name}")`,
      );
  }
  return first?.device ?? (attrs as { device?: Backend }).device ?? defaultDevice();
};

/** Row-major copy of a view. Lives here because `run` needs it for inputs that a kernel cannot read in place. */
export const copyOp = defineOp<{ inputs: [x: Tensor]; outputs: [y: Tensor] }>({
  name: "copy",
  family: "copies",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  kernels: { reference: copyReference, cpu: copyCpu, webgpu: copyWgsl },
});

export const contiguousCopy = (x: Tensor): Tensor => withRecorder(null, () => run(copyOp, [x])[0]);
