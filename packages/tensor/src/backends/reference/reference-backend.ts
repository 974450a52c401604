import type { Backend, Buffer, Launch } from "../../backend.ts";
import { bytesPerElement, hostView, type DType, type TypedArray } from "../../dtype.ts";
import { OutOfMemoryError } from "../../error.ts";
import { writable } from "../../host-data.ts";
import { copyOp, type Data, type KernelOp, type Signature } from "../../op.ts";
import { isContiguous, numel, type Layout } from "../../shape.ts";

interface HostBuffer extends Buffer {
  readonly memory: ArrayBuffer;
  readonly dtype: DType;
}

/** No tensor is larger here: as much as `cpu` has in all. */
const MAX_BYTES = 2 ** 32;

/** A tensor as a reference kernel sees it. Contiguous ones start at `values[0]`; only `copy` is given others. */
export const dataOf = (layout: Layout, memory: ArrayBufferLike, byteOffset: number): Data => {
  // An empty view may start past the end of its storage.
  if (numel(layout.shape) === 0)
    return { layout: { ...layout, offset: 0 }, values: hostView(layout.dtype, memory, 0, 0) };
  if (isContiguous(layout)) {
    const start = byteOffset + layout.offset * bytesPerElement[layout.dtype];
    return { layout: { ...layout, offset: 0 }, values: hostView(layout.dtype, memory, start, numel(layout.shape)) };
  }
  const reach = layout.shape.reduce((end, size, d) => end + (size - 1) * layout.strides[d]!, layout.offset) + 1;
  return { layout, values: hostView(layout.dtype, memory, byteOffset, reach) };
};

/** Plain JavaScript memory and the reference kernel of every op: slow, obvious, and the oracle for the others. */
export class ReferenceBackend implements Backend {
  readonly name = "reference";

  alloc(dtype: DType, length: number): HostBuffer {
    const bytes = length * bytesPerElement[dtype];
    try {
      if (bytes <= MAX_BYTES) return { bytes, memory: new ArrayBuffer(bytes), dtype };
    } catch {
      // There is no room, and the error says so.
    }
    throw new OutOfMemoryError(`reference: no room for ${bytes} bytes; free tensors, or use smaller batches`);
  }

  free(): void {
    // The garbage collector takes it.
  }

  write(buffer: Buffer, data: TypedArray): void {
    const { bytes, memory, dtype } = buffer as HostBuffer;
    const values = writable("reference", dtype, bytes / bytesPerElement[dtype], data);
    hostView(dtype, memory, 0, values.length).set(values);
  }

  readSync(buffer: Buffer, dtype: DType, offset: number, length: number): TypedArray {
    const start = length === 0 ? 0 : offset * bytesPerElement[dtype];
    return hostView(dtype, (buffer as HostBuffer).memory, start, length).slice();
  }

  read(buffer: Buffer, dtype: DType, offset: number, length: number): Promise<TypedArray> {
    return Promise.resolve(this.readSync(buffer, dtype, offset, length));
  }

  launch({ op, call, inputs, outputs, scalars }: Launch): void {
    const data = (layout: Layout | null, i: number, buffers: readonly (Buffer | null)[]): Data | null =>
      layout && dataOf(layout, (buffers[i] as HostBuffer).memory, 0);
    op.kernels.reference(
      call.inputs.map((layout, i) => data(layout, i, inputs)),
      call.outputs.map((layout, i) => data(layout, i, outputs)),
      call.attrs,
      scalars,
    );
  }

  readsViews(op: KernelOp<Signature>): "all" | undefined {
    return op === copyOp ? "all" : undefined;
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    // Holds nothing.
  }
}
