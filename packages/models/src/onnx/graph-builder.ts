import type { DType } from "@tessera/tensor";
import type { OnnxAttribute, OnnxNode, OnnxTensor, OnnxType, SparseOnnxTensor } from "./messages.ts";
import { OnnxError } from "./onnx-error.ts";
import type { SizeFormula } from "./size-expression.ts";

/** A size in a graph: fixed, or computed from the sizes of the inputs. */
export type Size = number | SizeFormula;

type Attributes = { readonly [name: string]: OnnxAttribute };

const littleEndian = (values: readonly number[], type: OnnxType): Uint8Array => {
  if (type === "bool") return Uint8Array.from(values);
  const view = new DataView(new ArrayBuffer(values.length * (type === "int64" ? 8 : 4)));
  for (const [i, value] of values.entries()) {
    if (type === "float32") view.setFloat32(4 * i, value, true);
    else if (type === "int32") view.setInt32(4 * i, value, true);
    else view.setBigInt64(8 * i, BigInt(value), true);
  }
  return new Uint8Array(view.buffer);
};

/** Where a size can be read in the running graph. */
export interface SizeSource {
  readonly input: string;
  readonly axis: number;
}

/** Collects the nodes and initializers of a graph. Names of tensors stand for tensors. */
export class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly sparseInitializers: SparseOnnxTensor[] = [];
  private readonly small = new Map<string, string>();
  private readonly sources: ReadonlyMap<string, SizeSource>;
  private names = 0;

  constructor(sources: ReadonlyMap<string, SizeSource>) {
    this.sources = sources;
  }

  /** A name that nothing else has. */
  fresh(prefix: string): string {
    return `${prefix}_${this.names++}`;
  }

  /** Adds a node with one output, and names that. `null` is an optional input that is not given. */
  node(op: string, inputs: readonly (string | null)[], attributes: Attributes = {}): string {
    return this.nodeOf(op, inputs, 1, attributes)[0]!;
  }

  /** Adds a node with several outputs, and names them. */
  nodeOf(op: string, inputs: readonly (string | null)[], outputs: number, attributes: Attributes = {}): string[] {
    const name = this.fresh(op);
    const made = Array.from({ length: outputs }, (_, i) => (outputs === 1 ? name : `${name}_${i}`));
    const given = inputs.map((input) => input ?? "");
    while (given.at(-1) === "") given.pop();
    this.nodes.push({ name, op, inputs: given, outputs: made, attributes });
    return made;
  }

  /** A small constant; equal ones exist once. */
  constant(values: readonly number[], type: OnnxType, dims: readonly number[] = [values.length]): string {
    const key = `${type} ${dims.join()}: ${values.map((value) => (Object.is(value, -0) ? "-0" : value)).join()}`;
    const found = this.small.get(key);
    if (found) return found;
    const name = this.fresh("constant");
    this.initializers.push({ name, type, dims, bytes: littleEndian(values, type) });
    this.small.set(key, name);
    return name;
  }

  scalar(value: number, type: OnnxType = "float32"): string {
    return this.constant([value], type, []);
  }

  /** Leaves out small constants that no node takes: a lowering may have asked for more than it used. */
  dropUnused(used: ReadonlySet<string>): void {
    const kept = this.initializers.filter(({ name }) => used.has(name));
    this.initializers.splice(0, Infinity, ...kept);
  }

  /** Numbers as a tensor for an attribute. */
  data(values: readonly number[], type: OnnxType): OnnxTensor {
    return { name: "", type, dims: [values.length], bytes: littleEndian(values, type) };
  }

  /** Data of a tensor, as an initializer. */
  initializer(name: string, dims: readonly number[], data: Float32Array | Int32Array | Uint8Array, type: DType): void {
    this.initializers.push({ name, type, dims, bytes: bytesOf(data) });
  }

  /** Data of a tensor with many zeros, as a sparse initializer. */
  sparseInitializer(name: string, dims: readonly number[], data: Float32Array): void {
    const places = [...data.keys()].filter((i) => data[i] !== 0);
    const indices = littleEndian(places, "int64");
    const values = bytesOf(Float32Array.from(places, (i) => data[i]!));
    this.sparseInitializers.push({
      values: { name, type: "float32", dims: [places.length], bytes: values },
      indices: { name: "", type: "int64", dims: [places.length], bytes: indices },
      dims,
    });
  }

  /** Sizes as a list of int64. */
  shape(sizes: readonly Size[]): string {
    if (sizes.every((size) => typeof size === "number")) return this.constant(sizes, "int64");
    return sizes.length === 1
      ? this.size(sizes[0]!)
      : this.node(
          "Concat",
          sizes.map((size) => this.size(size)),
          { axis: { int: 0 } },
        );
  }

  /** One size as an int64 [1]. */
  size(size: Size): string {
    if (typeof size === "number") return this.constant([size], "int64");
    const { factor, divisor, names, offset } = size;
    const key = `${factor} ${divisor} ${names.join(" ")} ${offset}`;
    const found = this.small.get(key);
    if (found) return found;
    let value = names.map((name) => this.given(name)).reduce((product, next) => this.node("Mul", [product, next]));
    if (factor !== 1) value = this.node("Mul", [value, this.size(factor)]);
    if (divisor !== 1) value = this.node("Div", [value, this.size(divisor)]);
    if (offset !== 0) value = this.node("Add", [value, this.size(offset)]);
    this.small.set(key, value);
    return value;
  }

  private given(name: string): string {
    const key = `size ${name}`;
    const found = this.small.get(key);
    if (found) return found;
    const source = this.sources.get(name);
    if (!source)
      throw new OnnxError(
        `exportOnnx: expected an input with a dim of the size ${name}, found none; take it off sizes`,
      );
    const { input, axis } = source;
    const value = this.node("Shape", [input], { start: { int: axis }, end: { int: axis + 1 } });
    this.small.set(key, value);
    return value;
  }
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const bytesOf = (data: Float32Array | Int32Array | Uint8Array): Uint8Array => {
  if (isLittleEndian || data instanceof Uint8Array)
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return littleEndian(Array.from(data), data instanceof Float32Array ? "float32" : "int32");
};
