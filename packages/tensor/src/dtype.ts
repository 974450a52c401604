/** Element types. `bool` is stored as one byte, 0 or 1. */
export type DType = "float32" | "int32" | "bool";

/** What a tensor's elements come back as. */
export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** Bytes of one element in host memory. */
export const bytesPerElement: { readonly [D in DType]: number } = { float32: 4, int32: 4, bool: 1 };

/** A zeroed host array for `length` elements of `dtype`. */
export const hostArray = (dtype: DType, length: number): TypedArray =>
  dtype === "float32" ? new Float32Array(length) : dtype === "int32" ? new Int32Array(length) : new Uint8Array(length);

/** A host array over existing memory. */
export const hostView = (dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray =>
  dtype === "float32"
    ? new Float32Array(buffer, byteOffset, length)
    : dtype === "int32"
      ? new Int32Array(buffer, byteOffset, length)
      : new Uint8Array(buffer, byteOffset, length);
