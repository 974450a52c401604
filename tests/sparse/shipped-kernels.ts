import { blockSparseLinearOp } from "@tessera/sparse/ops/block-matmul";
import { contiguousStrides, type Layout, type WasmModule } from "@tessera/tensor/extend";

/** A contiguous float32 tensor. */
export const layoutOf = (...shape: readonly number[]): Layout => ({
  shape,
  dtype: "float32",
  strides: contiguousStrides(shape),
  offset: 0,
});
/** The kernels of @tessera/sparse as they are shipped. */
export const shippedKernels = (): WasmModule => {
  const { cpu } = blockSparseLinearOp.kernels as unknown as {
    cpu: { plan(call: object, limits: object): { steps: readonly { wasm: WasmModule }[] } };
  };
  const [x, index] = [layoutOf(1, 4), { shape: [1], dtype: "int32", strides: [1], offset: 0 }];
  return cpu.plan(
    {
      inputs: [x, layoutOf(1, 4, 4), null, index],
      outputs: [x, null],
      attrs: { shape: [4, 4], blockSize: 4, blocks: 1, activation: "none" },
    },
    {},
  ).steps[0]!.wasm;
};
