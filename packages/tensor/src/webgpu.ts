/**
 * The part of `@tessera/tensor/extend` that ops are written with for `webgpu`: kernels, walks over views, tiles of matrix products, and
 * what comes after a sum. See docs of each; `ops/` has examples.
 */
export * from "./backends/webgpu/epilogue.wgsl.ts";
export * from "./backends/webgpu/kernel.ts";
export { mathFor } from "./backends/webgpu/math.wgsl.ts";
export { shaders } from "./backends/webgpu/shaders.ts";
export { wgslType } from "./backends/webgpu/snippets.wgsl.ts";
export * from "./backends/webgpu/tiles.wgsl.ts";
export { variants } from "./backends/webgpu/variants.ts";
export { walkOf, walkTo, walkWords, type WebgpuWalk } from "./backends/webgpu/walk.wgsl.ts";
export * from "./backends/webgpu/word-groups.ts";
export { coresOf } from "./ops/matmul/tile-plans.ts";
export * from "./slots.ts";
