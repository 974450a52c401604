import type { Slot, WebgpuWord } from "../../op.ts";
import type { ScalarRef } from "../../slots.ts";
import type { Binding, BindingGroup, WordGroup } from "./kernel.ts";

/** `names` in order, where their number is a choice: whole numbers. */
export const wholeNumbers = (names: readonly string[]): WordGroup<readonly number[]> => ({
  members: () => names.map((name) => [name, "u32"] as const),
  words: (values) => values,
});

/** The same for float32s and scalars. */
export const floats = (names: readonly string[]): WordGroup<readonly (number | ScalarRef)[]> => ({
  members: () => names.map((name) => [name, "f32"] as const),
  words: (values) => values.map((value): WebgpuWord => (typeof value === "number" ? { f32: value } : value)),
});

/** One member, an array of `count` `vec4<u32>`: four numbers each. It must be the last, or be followed by others of its kind. */
export const vectors = (count: number): WordGroup<readonly number[]> => ({
  members: (name) => [[name, { vectors: count }]],
  words: (values) => values,
});

/** `count` buffers, `<name>0`, `<name>1` and so on. */
export const buffers = (count: number, binding: Binding): BindingGroup<readonly Slot[]> => ({
  bindings: (name) => Array.from({ length: count }, (_, i) => [`${name}${i}`, binding] as const),
  slots: (values) => values,
});

/** Buffers that have names, in order, where their number is a choice. */
export const namedBuffers = (
  bindings: readonly (readonly [name: string, binding: Binding])[],
): BindingGroup<readonly Slot[]> => ({
  bindings: () => bindings,
  slots: (values) => values,
});
