import { clone, keep, type DType, type Tensor } from "@tessera/tensor";
import { withRecorder, type Recorded, type Recorder } from "@tessera/tensor/extend";

/** A tensor as a trace knows it. */
export interface TracedValue {
  /** Its place in the order in which the trace met its values: equal in traces of equal structure. */
  readonly index: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export interface TracedCall {
  readonly op: string;
  readonly attrs: object;
  readonly inputs: readonly (TracedValue | null)[];
  readonly outputs: readonly (TracedValue | null)[];
}

/** What one run of a function did: its ops in order, and the tensors that it took from elsewhere. */
export interface Trace {
  readonly calls: readonly TracedCall[];
  readonly inputs: ReadonlyMap<string, TracedValue>;
  readonly outputs: ReadonlyMap<string, TracedValue>;
  /** Parameters, buffers, and what the host made on the way; of the last, copies that the caller disposes. */
  readonly constants: readonly { readonly value: TracedValue; readonly tensor: Tensor; readonly isCopy: boolean }[];
}

/**
 * Runs `fn` and tells what it did. `isKept` says which tensors outlive it: others that come from outside are copied.
 *
 * Only ops are seen: what JavaScript makes of shapes or data on the way looks like a constant.
 */
export const traceCalls = (
  fn: () => ReadonlyMap<string, Tensor>,
  inputs: ReadonlyMap<string, Tensor>,
  isKept: (tensor: Tensor) => boolean,
): Trace => {
  const known = new Map<number, TracedValue>();
  const calls: TracedCall[] = [];
  const constants: Trace["constants"][number][] = [];
  const meet = ({ id, shape, dtype }: Tensor): TracedValue => {
    const value = { index: known.size, shape, dtype };
    known.set(id, value);
    return value;
  };
  const valueOf = (tensor: Tensor): TracedValue => {
    const value = known.get(tensor.id);
    if (value) return value;
    const isCopy = !isKept(tensor);
    const met = meet(tensor);
    constants.push({ value: met, tensor: isCopy ? withRecorder(null, () => keep(clone(tensor))) : tensor, isCopy });
    return met;
  };
  const named = new Map([...inputs].map(([name, tensor]) => [name, meet(tensor)]));
  const recorder: Recorder = {
    wants: () => true,
    record: ({ op, inputs: given, outputs, attrs }: Recorded): void => {
      const taken = given.map((input) => input && valueOf(input));
      calls.push({ op: op.name, attrs, inputs: taken, outputs: outputs.map((output) => output && meet(output)) });
    },
  };
  try {
    const results = withRecorder(recorder, fn);
    const outputs = new Map([...results].map(([name, tensor]) => [name, valueOf(tensor)]));
    return { calls, inputs: named, outputs, constants };
  } catch (error) {
    for (const { tensor, isCopy } of constants) if (isCopy) tensor.dispose();
    throw error;
  }
};
