import type { Tensor } from "@tessera/tensor";
import type { Attrs, Op, Signature } from "@tessera/tensor/extend";
import type { GraphBuilder, Size } from "./graph-builder.ts";
import type { TracedValue } from "./trace.ts";

type Shapes = readonly (readonly number[])[];

/** One op of a trace, with the names that its inputs have in the graph. */
export interface GraphCall<A extends object> {
  readonly inputs: readonly (string | null)[];
  /** As the first trace saw them. */
  readonly inputSpecs: readonly (TracedValue | null)[];
  readonly attrs: A;
  /** A number made of the attributes and the inputs' shapes, as it follows from the sizes of the model's inputs. */
  size(pick: (attrs: A, shapes: Shapes) => number): Size;
  sizes(pick: (attrs: A, shapes: Shapes) => readonly number[]): readonly Size[];
  /** An input that does not depend on the model's inputs. @throws OnnxError when it does */
  constant(input: number): Tensor;
  /** Names an initializer that is worked out and written later: `make` gives its data. */
  deferred(key: string, make: () => Tensor, options: { readonly mayBeSparse: boolean }): string;
}

/** Adds nodes that do what an op does, and names its first output. */
export type Lowering<A extends object = object> = (call: GraphCall<A>, graph: GraphBuilder) => string;

/** The attributes of an op. */
export type AttrsOf<O> = O extends Op<infer S extends Signature> ? Attrs<S> : never;

/** The name of an input that is there. */
export const given = (call: { readonly inputs: readonly (string | null)[] }, input = 0): string => call.inputs[input]!;

/** The rank of an input. */
export const rankOf = (call: { readonly inputSpecs: readonly (TracedValue | null)[] }, input = 0): number =>
  call.inputSpecs[input]!.shape.length;
