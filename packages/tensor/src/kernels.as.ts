// The one entry of this package's WebAssembly module: the kernels of every family, and the thread pool's functions.
export * from "./backends/cpu/peak.as";
export * from "./backends/cpu/pool.as";
export * from "./backends/cpu/probe.as";
export * from "./ops/*/*.as";
