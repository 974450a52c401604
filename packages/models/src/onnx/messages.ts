import { PbfWriter } from "pbf";

/**
 * The messages of a model file, as far as the export writes them, with the numbers of their fields.
 *
 * Source: {@link https://github.com/onnx/onnx/blob/main/onnx/onnx.proto onnx.proto}.
 */
export interface OnnxModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly metadata: { readonly [key: string]: string };
  readonly graph: OnnxGraph;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly sparseInitializers: readonly SparseOnnxTensor[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  /** An empty name stands for an optional input that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: { readonly [name: string]: OnnxAttribute };
}

/** A whole number, a fraction, a text, whole numbers, or a tensor. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  | { readonly tensor: OnnxTensor };

export type OnnxType = "float32" | "int32" | "int64" | "bool";

export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly dims: readonly number[];
  /** Little-endian. */
  readonly bytes: Uint8Array;
}

/** Elements that are not 0, and where they lie: positions in the flattened tensor, ascending. */
export interface SparseOnnxTensor {
  readonly values: OnnxTensor;
  readonly indices: OnnxTensor;
  readonly dims: readonly number[];
}

export interface ValueInfo {
  readonly name: string;
  readonly type: OnnxType;
  /** A number, or the name of a size that the caller chooses. */
  readonly dims: readonly (number | string)[];
}

const TYPES: { readonly [T in OnnxType]: number } = { float32: 1, int32: 6, int64: 7, bool: 9 };
const ATTRIBUTE = { float: 1, int: 2, text: 3, tensor: 4, ints: 7 } as const;

/** A field that holds a message of each of these, in order. */
const each = <T>(
  writer: PbfWriter,
  field: number,
  items: readonly T[],
  write: (item: T, writer: PbfWriter) => void,
): void => {
  for (const item of items) writer.writeMessage(field, write, item);
};

/** The bytes of a model file. */
export const encodeModel = (model: OnnxModel): Uint8Array => {
  const writer = new PbfWriter();
  writer.writeVarintField(1, model.irVersion);
  writer.writeStringField(2, model.producer);
  writer.writeMessage(7, writeGraph, model.graph);
  each(writer, 8, [model.opset], (version, opset) => opset.writeVarintField(2, version));
  each(writer, 14, Object.entries(model.metadata), ([key, value], entry) => {
    entry.writeStringField(1, key);
    entry.writeStringField(2, value);
  });
  return writer.finish();
};

const writeGraph = (graph: OnnxGraph, writer: PbfWriter): void => {
  each(writer, 1, graph.nodes, writeNode);
  writer.writeStringField(2, graph.name);
  each(writer, 5, graph.initializers, writeTensor);
  each(writer, 11, graph.inputs, writeValueInfo);
  each(writer, 12, graph.outputs, writeValueInfo);
  each(writer, 15, graph.sparseInitializers, ({ values, indices, dims }, sparse) => {
    sparse.writeMessage(1, writeTensor, values);
    sparse.writeMessage(2, writeTensor, indices);
    sparse.writePackedVarint(3, [...dims]);
  });
};

const writeNode = ({ inputs, outputs, name, op, attributes }: OnnxNode, writer: PbfWriter): void => {
  for (const input of inputs) writer.writeStringField(1, input);
  for (const output of outputs) writer.writeStringField(2, output);
  writer.writeStringField(3, name);
  writer.writeStringField(4, op);
  each(writer, 5, Object.entries(attributes), writeAttribute);
};

const writeAttribute = ([name, value]: readonly [string, OnnxAttribute], writer: PbfWriter): void => {
  writer.writeStringField(1, name);
  if ("float" in value) writer.writeFloatField(2, value.float);
  else if ("int" in value) writer.writeVarintField(3, value.int);
  else if ("text" in value) writer.writeBytesField(4, new TextEncoder().encode(value.text));
  else if ("tensor" in value) writer.writeMessage(5, writeTensor, value.tensor);
  else for (const one of value.ints) writer.writeVarintField(8, one);
  writer.writeVarintField(20, ATTRIBUTE[Object.keys(value)[0] as keyof typeof ATTRIBUTE]);
};

const writeTensor = ({ name, type, dims, bytes }: OnnxTensor, writer: PbfWriter): void => {
  writer.writePackedVarint(1, [...dims]);
  writer.writeVarintField(2, TYPES[type]);
  writer.writeStringField(8, name);
  writer.writeBytesField(9, bytes);
};

const writeValueInfo = ({ name, type, dims }: ValueInfo, writer: PbfWriter): void => {
  writer.writeStringField(1, name);
  const writeShape = (shape: PbfWriter): void =>
    each(shape, 1, dims, (dim, entry) => {
      if (typeof dim === "number") entry.writeVarintField(1, dim);
      else entry.writeStringField(2, dim);
    });
  const writeTensorType = (tensorType: PbfWriter): void => {
    tensorType.writeVarintField(1, TYPES[type]);
    tensorType.writeMessage(2, (_, shape: PbfWriter) => writeShape(shape), null);
  };
  writer.writeMessage(
    2,
    (_, entry: PbfWriter) => entry.writeMessage(1, (_none, inner: PbfWriter) => writeTensorType(inner), null),
    null,
  );
};
