// The one entry of the examples' WebAssembly module: `tessera-wasm` compiles it, see package.json.
export * from "./09-own-op.as";
