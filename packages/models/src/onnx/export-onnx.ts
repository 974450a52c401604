import type { Module } from "@tessera/nn";
import { scope, type DType, type Tensor } from "@tessera/tensor";
import { buildGraph, type BuiltGraph } from "./build-graph.ts";
import type { Lowering } from "./lowering.ts";
import { encodeModel } from "./messages.ts";
import { OnnxError } from "./onnx-error.ts";
import type { Sizes } from "./size-expression.ts";
import { traceCalls, type Trace } from "./trace.ts";

export type NamedTensors = { readonly [name: string]: Tensor };

export interface OnnxOptions {
  /** Names of the sizes that whoever runs the file chooses, such as `["batch", "tokens"]`. */
  readonly sizes?: readonly string[] | undefined;
  /** Inputs of the file by name, for the sizes given; their contents do not matter. int32 ones are int64 in the file. */
  readonly inputs: (sizes: Sizes) => NamedTensors;
  /** What to run: the outputs of the file by name. */
  readonly forward: (inputs: NamedTensors) => NamedTensors;
  /**
   * The sizes to try the model with: four, which differ in every size. Default: small ones. For models that refuse some.
   */
  readonly trials?: readonly Sizes[] | undefined;
  /** Writes weights of block-sparse layers as `sparse_initializer`, which not every runtime reads; dense otherwise. */
  readonly sparseInitializers?: boolean | undefined;
  /** Texts for the file's metadata. */
  readonly metadata?: { readonly [key: string]: string } | undefined;
  /** How ops of your own are said in ONNX, by their name. */
  readonly lowerings?: { readonly [op: string]: Lowering<never> } | undefined;
}

/** The version of the operators that files are written in, and of the file format that goes with it. */
const OPSET = 20;
const IR_VERSION = 9;
/** The largest message of protocol buffers. */
const MAX_BYTES = 2 ** 31 - 1;

/** Small sizes, so that no product of two of them is taken for another. */
const TRIALS: readonly (readonly number[])[] = [
  [2, 3, 5, 4],
  [5, 7, 6, 11],
  [3, 4, 7, 8],
];

const trialsOf = (names: readonly string[]): readonly Sizes[] =>
  names.length === 0
    ? [{}]
    : Array.from({ length: 4 }, (_, k) =>
        Object.fromEntries(names.map((name, j) => [name, TRIALS[j % TRIALS.length]![k]!])),
      );

/**
 * A model file in the Open Neural Network Exchange format, opset 20: the bytes of `model.onnx`, for ONNX Runtime and its like.
 *
 * The model runs a few times on small inputs while its ops are watched, in evaluation mode. Sizes in the file follow from the inputs' where
 * the runs show how: a reshape to `[batch · tokens, 64]` is one for any batch. What JavaScript decides by looking at data or sizes is decided
 * once, for these runs. Weights keep the names that they have in the module; weights of block-sparse layers are dense, unless
 * `sparseInitializers` says otherwise.
 *
 * {@link https://onnx.ai/onnx/intro/concepts.html ONNX}; torch's is {@link https://docs.pytorch.org/docs/stable/onnx.html torch.onnx.export}.
 *
 * @throws OnnxError when ONNX has no form for an op of the model, when sizes do not follow from those of the inputs, or the file would be
 * larger than 2 GB.
 * @example
 * const model = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2));
 * const bytes = await exportOnnx(model, {
 *   sizes: ["batch"],
 *   inputs: ({ batch }) => ({ x: zeros([batch!, 4]) }),
 *   forward: ({ x }) => ({ y: model.forward(x!) }),
 * });
 * await writeFile("model.onnx", bytes);
 */
export const exportOnnx = async (module: Module, options: OnnxOptions): Promise<Uint8Array> => {
  const { sizes = [], trials = trialsOf(sizes), metadata = {} } = options;
  checkTrials(sizes, trials);
  const names = new Map([...module.namedParameters(), ...module.namedBuffers()].map(([name, { id }]) => [id, name]));
  const traces: Trace[] = [];
  const training = [...module.namedModules().values()].filter((one) => one.training);
  try {
    for (const one of training) one.training = false;
    for (const trial of trials) traces.push(traceOnce(options, trial, (tensor) => names.has(tensor.id)));
    const built = buildGraph(traces, trials, { names, ...options });
    const graph = await withData(built);
    return encodeModel({ irVersion: IR_VERSION, opset: OPSET, producer: "tessera", metadata, graph });
  } finally {
    for (const one of training) one.training = true;
    for (const { constants } of traces) for (const { tensor, isCopy } of constants) if (isCopy) tensor.dispose();
  }
};

const checkTrials = (names: readonly string[], trials: readonly Sizes[]): void => {
  const wanted = names.length === 0 ? 1 : 3;
  if (trials.length < wanted)
    throw new OnnxError(`exportOnnx: expected at least ${wanted} trials, got ${trials.length}; leave them out?`);
  for (const name of names)
    if (trials.some((trial) => !Number.isSafeInteger(trial[name]) || trial[name]! < 1))
      throw new OnnxError(`exportOnnx: expected a whole number ≥ 1 for ${name} in every trial; add it`);
};

const traceOnce = ({ inputs, forward }: OnnxOptions, trial: Sizes, isKept: (tensor: Tensor) => boolean): Trace => {
  let trace: Trace | null = null;
  scope((): void => {
    const made = inputs(trial);
    trace = traceCalls(() => new Map(Object.entries(forward(made))), new Map(Object.entries(made)), isKept);
  });
  return trace!;
};

/** Reads what the graph needs of the weights, one after the other. */
const withData = async ({ graph, builder, constants, deferred }: BuiltGraph): Promise<BuiltGraph["graph"]> => {
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
    if (bytes > MAX_BYTES)
      throw new OnnxError(`exportOnnx: expected a model of less than 2 GB, got ${bytes} bytes; ONNX files end there`);
  };
  for (const { name, tensor } of constants) {
    const data = await tensor.data();
    count(data.byteLength);
    builder.initializer(name, tensor.shape, data, tensor.dtype satisfies DType);
  }
  for (const { name, make, isSparse } of deferred) {
    const tensor = make();
    const data = (await tensor.data()) as Float32Array;
    const { shape } = tensor;
    tensor.dispose();
    count(data.byteLength);
    if (isSparse) builder.sparseInitializer(name, shape, data);
    else builder.initializer(name, shape, data, "float32");
  }
  return graph;
};
