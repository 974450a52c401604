// The one entry of this package's WebAssembly module: the kernels of every family.
export * from "./ops/*/*.as";
