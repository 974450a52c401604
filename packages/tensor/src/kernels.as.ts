// The one entry of this package's WebAssembly module: the kernels of every family, and the thread pool's functions.
export * from "./backends/cpu/peak.as";
export * from "./backends/cpu/pool.as";
<<<<<<< HEAD
export * from "./ops/*/*.as";
=======
export * from "./backends/cpu/probe.as";
export * from "./ops/attention/attention.as";
export * from "./ops/attention/attention-backward.as";
export * from "./ops/elementwise/elementwise.as";
export * from "./ops/index/index.as";
export * from "./ops/loss/loss.as";
export * from "./ops/matmul/matmul.as";
export * from "./ops/matmul/matmul-rows.as";
export * from "./ops/move/move.as";
export * from "./ops/reduce/reduce.as";
export * from "./ops/norm/norm.as";
export * from "./ops/random/random.as";
export * from "./ops/softmax/softmax.as";
export * from "./ops/update/update.as";
>>>>>>> a71f153 (Build kernels for 256-bit vectors, and choose them where they are faster)
