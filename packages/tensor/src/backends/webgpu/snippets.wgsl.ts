import type { DType } from "../../dtype.ts";

/** What an element is in a storage buffer: bool takes a whole word. */
export const wgslType: { readonly [D in DType]: string } = { float32: "f32", int32: "i32", bool: "u32" };

/** Declares where a kernel reports an index that it cannot use, and how. `binding`: that of the last buffer. */
export const faultAt = (binding: number): string => /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read_write> fault: array<atomic<u32>>;
fn report(value: i32) {
  atomicStore(&fault[2u * w.fault + 1u], bitcast<u32>(value));
  atomicStore(&fault[2u * w.fault], 1u);
}`;
