/** Elementwise ops: rows of a table, in files by the number of operands, and their backwards. */
export * from "./cast.ts";
export * from "./unary.ts";
export * from "./binary.ts";
export * from "./backward.ts";
