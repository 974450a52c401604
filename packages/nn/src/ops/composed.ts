/** Functions made of ops: they have no kernels, and their gradients follow from those of their parts. */
export * from "./conv.ts";
export * from "./group-norm.ts";
export * from "./pool.ts";
export * from "./unfold.ts";
