import type { DType } from "../../dtype.ts";
import { checkDTypeName, MAX_INT32, MIN_INT32 } from "../../host-data.ts";
import { run } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { wgslType } from "../../backends/webgpu/snippets.wgsl.ts";
import { kernels } from "../../generated/kernels.ts";
import type { UnaryKernel } from "./elementwise.cpu.ts";
import { unary } from "./rows.ts";

const castKernels: { readonly [To in DType]: { readonly [From in DType]?: UnaryKernel } } = {
  float32: { int32: kernels.castI32F32, bool: kernels.castBoolF32 },
  int32: { float32: kernels.castF32I32, bool: kernels.castBoolI32 },
  bool: { float32: kernels.castF32Bool, int32: kernels.castI32Bool },
};
/** Towards zero; beyond the range its nearer end, and 0 for NaN, as WebAssembly has it. */
const toInt32 = (x: number): number => (Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), MIN_INT32), MAX_INT32));

export const castOp = unary<{ dtype: DType }>("cast", {
  // By ==: some drivers take x != 0 for false when x is NaN.
  wgsl: (from, { dtype }) => {
    if (dtype === "bool") return `select(1u, 0u, x == ${wgslType[from]}(0))`;
    return from === "float32" ? "toInt(x)" : `${wgslType[dtype]}(x)`;
  },
  reference: (x, { dtype }) => (dtype === "bool" ? (x !== 0 ? 1 : 0) : dtype === "int32" ? toInt32(x) : x),
  cpu: ({ dtype }) => castKernels[dtype],
  out: (_, { dtype }) => dtype,
});

/**
 * Another dtype: to int32 towards zero, to bool by x ≠ 0. To int32 NaN gives 0, and what is too large the nearest int32, on every
 * device; torch leaves those undefined. Gradients pass between float32 tensors only.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html torch.Tensor.to}
 *
 * @example
 * await cast(tensor([1.7, -1.7]), "int32").data(); // Int32Array [1, -1]
 */
export const cast = (x: Tensor, dtype: DType): Tensor => {
  checkDTypeName("cast", dtype);
  return x.dtype === dtype ? x : run(castOp, [x], { dtype })[0];
};
