/** Files for ONNX Runtime and its like. */
export { exportOnnx, type NamedTensors, type OnnxOptions } from "./export-onnx.ts";
export { exportModel, type ExportModelOptions } from "./export-model.ts";
export type { GraphBuilder, Size } from "./graph-builder.ts";
export type { GraphCall, Lowering } from "./lowering.ts";
export { onnxOps } from "./lowerings/index.ts";
export { OnnxError } from "./onnx-error.ts";
export type { Sizes } from "./size-expression.ts";
