// The one entry of this package's WebAssembly module: every kernel that a planner names.
export * from "./ops/block-copy/block-copy.as";
export * from "./ops/block-matmul/block-matmul.as";
