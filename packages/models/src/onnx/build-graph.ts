import type { Tensor } from "@tessera/tensor";
import { GraphBuilder, type Size, type SizeSource } from "./graph-builder.ts";
import type { GraphCall, Lowering } from "./lowering.ts";
import { loweringOf } from "./lowerings/index.ts";
import type { OnnxGraph, OnnxType, ValueInfo } from "./messages.ts";
import { OnnxError } from "./onnx-error.ts";
import { fitFormula, type Sizes } from "./size-expression.ts";
import type { Trace, TracedCall, TracedValue } from "./trace.ts";

export interface BuiltGraph {
  readonly graph: OnnxGraph;
  readonly builder: GraphBuilder;
  /** Weights and other data that nodes use, still to be read. */
  readonly constants: readonly { readonly name: string; readonly tensor: Tensor }[];
  readonly deferred: readonly Deferred[];
}
interface Deferred {
  readonly name: string;
  readonly make: () => Tensor;
  readonly isSparse: boolean;
}

interface GraphOptions {
  /** Names of parameters and buffers by their id. */
  readonly names: ReadonlyMap<number, string>;
  readonly sparseInitializers?: boolean | undefined;
  readonly lowerings?: { readonly [op: string]: Lowering<never> } | undefined;
}

/** The graph that does for any sizes what the traces did for theirs. */
export const buildGraph = (
  traces: readonly Trace[],
  trials: readonly Sizes[],
  { names, sparseInitializers = false, lowerings = {} }: GraphOptions,
): BuiltGraph => {
  const [first] = traces as [Trace];
  checkAlike(traces);
  const sizeOf = (values: readonly number[], what: string): Size => {
    const formula = fitFormula(values, trials);
    if (formula === null)
      throw new OnnxError(
        `exportOnnx: expected sizes that follow from the inputs', got ${values.join(", ")} in ${what} for ${trials.map((trial) => JSON.stringify(trial)).join(", ")}; compute it by ops, or fix a size`,
      );
    return formula;
  };
  const dimsOf = (pick: (trace: Trace) => readonly number[], what: string): Size[] =>
    pick(first).map((_, d) =>
      sizeOf(
        traces.map((trace) => pick(trace)[d]!),
        what,
      ),
    );

  const inputs = [...first.inputs].map(([name, value]) => ({
    name,
    value,
    dims: dimsOf((trace) => trace.inputs.get(name)!.shape, `input ${name}`),
  }));
  const builder = new GraphBuilder(sizeSources(inputs));
  const tensors = new Map<number, string>();
  for (const { name, value } of inputs)
    tensors.set(value.index, value.dtype === "int32" ? builder.node("Cast", [name], { to: { int: 6 } }) : name);
  const constants = new Map(first.constants.map(({ value, tensor }) => [value.index, tensor]));
  for (const [index, { id }] of constants) tensors.set(index, names.get(id) ?? builder.fresh("data"));

  const deferred = new Map<string, Deferred>();
  for (const [at, traced] of first.calls.entries()) {
    const lowering = loweringOf(traced.op, lowerings);
    if (!lowering)
      throw new OnnxError(
        `exportOnnx: expected ops that ONNX has a form for, got ${traced.op}; replace it, or give a lowering for it`,
      );
    const same = traces.map(({ calls }) => calls[at]!);
    const call: GraphCall<object> = {
      inputs: traced.inputs.map((input) => input && tensors.get(input.index)!),
      inputSpecs: traced.inputs,
      attrs: traced.attrs,
      size: (pick) =>
        sizeOf(
          same.map((one) => pick(one.attrs, shapesOf(one))),
          traced.op,
        ),
      sizes: (pick) => {
        const lists = same.map((one) => pick(one.attrs, shapesOf(one)));
        return lists[0]!.map((_, d) =>
          sizeOf(
            lists.map((list) => list[d]!),
            traced.op,
          ),
        );
      },
      constant: (input) => {
        const tensor = constants.get(traced.inputs[input]!.index);
        if (!tensor)
          throw new OnnxError(
            `exportOnnx: ${traced.op}: expected stored blocks that are a parameter, got computed ones`,
          );
        return tensor;
      },
      deferred: (key, make, { mayBeSparse }) => {
        const name = `${key}.dense`;
        deferred.set(name, { name, make, isSparse: mayBeSparse && sparseInitializers });
        return name;
      },
    };
    const [output] = traced.outputs;
    if (output) tensors.set(output.index, lowering(call, builder));
  }

  const outputs = [...first.outputs].map(([name, value]): ValueInfo => {
    const inner = tensors.get(value.index)!;
    builder.nodes.push({ name: `output ${name}`, op: "Identity", inputs: [inner], outputs: [name], attributes: {} });
    return { name, type: value.dtype, dims: shownDims(dimsOf((trace) => trace.outputs.get(name)!.shape, name)) };
  });
  const used = new Set(builder.nodes.flatMap(({ inputs: taken }) => taken));
  builder.dropUnused(used);
  return {
    builder,
    constants: [...constants].flatMap(([index, tensor]) => {
      const name = tensors.get(index)!;
      return used.has(name) ? [{ name, tensor }] : [];
    }),
    deferred: [...deferred.values()],
    graph: {
      name: "model",
      nodes: builder.nodes,
      initializers: builder.initializers,
      sparseInitializers: builder.sparseInitializers,
      inputs: inputs.map(({ name, value, dims }) => ({ name, type: fileType(value), dims: shownDims(dims) })),
      outputs,
    },
  };
};

const shapesOf = ({ inputs }: TracedCall): number[][] => inputs.map((input) => [...(input?.shape ?? [])]);

/** Runtimes and Hugging Face's files have int64 where tokens are counted. */
const fileType = ({ dtype }: TracedValue): OnnxType => (dtype === "int32" ? "int64" : dtype);

/** Where each size can be read off an input. */
const sizeSources = (inputs: readonly { name: string; dims: readonly Size[] }[]): Map<string, SizeSource> => {
  const sources = new Map<string, SizeSource>();
  for (const { name, dims } of inputs)
    for (const [axis, dim] of dims.entries()) {
      if (typeof dim === "number" || dim.names.length !== 1) continue;
      const [size] = dim.names as [string];
      if (dim.factor === 1 && dim.divisor === 1 && dim.offset === 0 && !sources.has(size))
        sources.set(size, { input: name, axis });
    }
  return sources;
};

/** Sizes as a reader sees them: `tokens`, `batch*tokens + 1`. */
const shownDims = (dims: readonly Size[]): (number | string)[] =>
  dims.map((dim) => {
    if (typeof dim === "number") return dim;
    const { factor, divisor, names, offset } = dim;
    const product = [...(factor === 1 ? [] : [factor]), ...names].join("*");
    return `${product}${divisor === 1 ? "" : `/${divisor}`}${offset === 0 ? "" : ` + ${offset}`}`;
  });

/** Throws unless all traces ran the same ops on the same values. */
const checkAlike = (traces: readonly Trace[]): void => {
  const textOf = ({ op, inputs, outputs }: TracedCall): string =>
    `${op} ${inputs.map((value) => value?.index ?? "-").join()} ${outputs.map((value) => value?.index ?? "-").join()}`;
  const [first, ...others] = traces as [Trace, ...Trace[]];
  const texts = first.calls.map(textOf);
  for (const { calls, constants } of others) {
    const at = texts.findIndex((text, i) => !calls[i] || textOf(calls[i]) !== text);
    if (at >= 0 || calls.length !== texts.length)
      throw new OnnxError(
        `exportOnnx: expected the same ops for all sizes, got ${calls[at]?.op ?? "no more"} where ${first.calls[at]?.op ?? "nothing"} was; the model decides by sizes: fix them`,
      );
    for (const [i, { value, tensor }] of constants.entries())
      if (value.shape.join() !== first.constants[i]!.value.shape.join())
        throw new OnnxError(
          `exportOnnx: expected data that do not depend on the sizes, got a constant [${tensor.shape.join(", ")}] and [${first.constants[i]!.value.shape.join(", ")}]; make it by ops, or make it an input`,
        );
  }
};
