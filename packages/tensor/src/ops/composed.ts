/** Ops made of other ops, one file each: they have no kernels, and their gradients follow from those of their parts. */
export * from "./activations.ts";
export * from "./argmin.ts";
export * from "./einsum.ts";
export * from "./flip.ts";
export * from "./logsumexp.ts";
export * from "./mean.ts";
export * from "./products.ts";
export * from "./roll.ts";
export * from "./rounding.ts";
export * from "./truth.ts";
export * from "./stack.ts";
export * from "./tile.ts";
export * from "./triangle.ts";
export * from "./variance.ts";
export * from "./vector-norm.ts";
