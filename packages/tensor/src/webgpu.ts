/**
 * What ops of other packages are written with for `webgpu`: shaders, walks over views, tiles of matrix products, and what comes after a
 * sum. See docs of each; `ops/` has examples.
 */
export * from "./backends/webgpu/epilogue.wgsl.ts";
export { mathFor } from "./backends/webgpu/math.wgsl.ts";
export { shaders } from "./backends/webgpu/shaders.ts";
export { faultAt, wgslType } from "./backends/webgpu/snippets.wgsl.ts";
export * from "./backends/webgpu/tiles.wgsl.ts";
export { ATTENTION_TILES, type AttentionTileName } from "./ops/attention/attention-tiles.wgsl.ts";
export { planAttention, planAttentionBackward } from "./ops/attention/attention.wgsl.ts";
export { planProduct, type WebgpuProduct } from "./ops/matmul/matmul.wgsl.ts";
export { choosePlan, coresOf, TILE_PLANS, type Choice } from "./ops/matmul/tile-plans.ts";
export { walkMembers, walkOf, walkTo, type WebgpuWalk } from "./backends/webgpu/walk.wgsl.ts";
