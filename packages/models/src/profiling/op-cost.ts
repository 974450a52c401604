import { numel } from "@tessera/tensor";
import { bytesOf, type Launch, type Layout } from "@tessera/tensor/extend";

/** What one launch costs at the least. */
export interface OpCost {
  /** What ops do: the op says which family it belongs to. */
  readonly family: string;
  /** Of the products in it; 0 for ops that memory bounds. */
  readonly flops: number;
  /** To read and to write, at the least. */
  readonly bytes: number;
}

/** Family, products and memory traffic of a launch, as its op says, or from the shapes of the call. */
export const costOf = ({ op, call }: Launch): OpCost => {
  const { multiplyAdds = 0, bytes = bytesMoved(op, call) } = op.cost?.(call) ?? {};
  return { family: op.family ?? (isElementwise(call) ? "elementwise" : "others"), flops: 2 * multiplyAdds, bytes };
};

const isElementwise = ({ inputs, outputs }: Launch["call"]): boolean => {
  const size = outputs[0] ? numel(outputs[0].shape) : 0;
  return inputs.length > 0 && inputs.every((input: Layout | null) => !input || numel(input.shape) <= size);
};

/** Every input is read and every output written; what is written in place is both. */
const bytesMoved = (op: Launch["op"], { inputs, outputs }: Launch["call"]): number => {
  const written = outputs.reduce((total, layout) => total + (layout ? bytesOf(layout) : 0), 0);
  return inputs.reduce(
    (total, layout, at) => total + (layout ? bytesOf(layout) * (op.mutates?.(at) ? 2 : 1) : 0),
    written,
  );
};
