/** Elementwise ops: rows of a table, in two files by the number of operands. */
export * from "./unary.ts";
export * from "./binary.ts";
