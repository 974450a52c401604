import { bytesPerElement, numel, type Launch, type Layout } from "@tessera/tensor";

/** What ops do, for profiles. */
export type OpFamily =
  | "dense products"
  | "block-sparse products"
  | "attention"
  | "norms"
  | "softmax and losses"
  | "embedding and indexing"
  | "elementwise"
  | "reductions"
  | "copies"
  | "random"
  | "optimiser"
  | "others";

/** What one launch costs at the least. */
export interface OpCost {
  readonly family: OpFamily;
  /** Of the products in it; 0 for ops that memory bounds. */
  readonly flops: number;
  /** To read and to write, at the least. */
  readonly bytes: number;
}

/** By the op's name; the first that fits. */
const families: readonly (readonly [RegExp, OpFamily])[] = [
  [/blockSparse|^dds$|^sdd$/i, "block-sparse products"],
  [/linear|matmul|addmm/i, "dense products"],
  [/attention/i, "attention"],
  [/^(adam|sgd)|globalNorm/i, "optimiser"],
  [/norm/i, "norms"],
  [/softmax|entropy/i, "softmax and losses"],
  [/embedding|index|gather|scatter|oneHot/i, "embedding and indexing"],
  [/^rand|dropout/i, "random"],
  [/^(sum|amax|amin|argmax|cumsum|mean)/i, "reductions"],
  [/^(copy|cat|place|fill|flip|expand|slice)/i, "copies"],
];

/** Layouts of a call as they come, whatever the op. */
type Layouts = readonly (Layout | null)[];

/** The family of an op by its name, or `undefined`: what is elementwise has no name in common. */
export const familyOf = (name: string): OpFamily | undefined => families.find(([pattern]) => pattern.test(name))?.[1];

/** Family, products and memory traffic of a launch, from its shapes. */
export const costOf = ({ op, call }: Launch): OpCost => {
  const family = familyOf(op.name) ?? (isElementwise(call) ? "elementwise" : "others");
  return { family, flops: flopsOf(family, op.name, call), bytes: bytesOf(family, op, call) };
};

const isElementwise = ({ inputs, outputs }: Launch["call"]): boolean => {
  const size = outputs[0] ? numel(outputs[0].shape) : 0;
  return inputs.length > 0 && inputs.every((input: Layout | null) => !input || numel(input.shape) <= size);
};

const shapeOf = (layouts: Layouts, at: number): readonly number[] => layouts[at]?.shape ?? [];
const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);

const flopsOf = (family: OpFamily, name: string, { inputs, outputs }: Launch["call"]): number => {
  const first = shapeOf(inputs, 0);
  if (family === "dense products") return 2 * product(shapeOf(outputs, 0)) * (first.at(-1) ?? 0);
  if (family === "block-sparse products") {
    // Stored blocks [n, b, b] meet every token: rows of the first input.
    const blocks = name === "sdd" ? shapeOf(outputs, 0) : shapeOf(inputs, 1);
    return 2 * product(blocks) * product(first.slice(0, -1));
  }
  if (family === "attention") {
    // q kᵀ and p v; backward p again, dp, and the three gradients.
    const isBackward = /backward/i.test(name);
    const [batch = 0, queries = 0, heads = 0, width = 0] = shapeOf(inputs, isBackward ? 1 : 0);
    const keys = shapeOf(inputs, isBackward ? 2 : 1)[1] ?? 0;
    return (isBackward ? 10 : 4) * batch * heads * queries * keys * width;
  }
  return 0;
};

/** A stretched dim is read once. */
const bytesOfLayout = ({ shape, strides, dtype }: Layout): number =>
  bytesPerElement[dtype] * product(shape.map((size, dim) => (strides[dim] === 0 ? 1 : size)));

const bytesOf = (family: OpFamily, op: Launch["op"], { inputs, outputs }: Launch["call"]): number => {
  const written = outputs.reduce((total, layout) => total + (layout ? bytesOfLayout(layout) : 0), 0);
  // Of a table, only the rows that are asked for.
  if (family === "embedding and indexing" && !/backward|add/i.test(op.name)) return 2 * written;
  const read = inputs.reduce(
    (total, layout, at) => total + (layout ? bytesOfLayout(layout) * (op.mutates?.(at) ? 2 : 1) : 0),
    0,
  );
  return read + written;
};
