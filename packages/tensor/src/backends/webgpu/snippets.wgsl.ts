import type { DType } from "../../dtype.ts";

/** What an element is in a storage buffer: bool takes a whole word. */
export const wgslType: { readonly [D in DType]: string } = { float32: "f32", int32: "i32", bool: "u32" };
