/** For readers of files: text that is UTF-8 or an error, JSON without traps, and what a file is that is none of them. */
export { excerpt, foreignFile, type ForeignFile } from "./io/foreign-file.ts";
export { openSafetensors, type ByteSource, type StoredTensor } from "./io/safetensors.ts";
export { hostTensorFault } from "./io/host-tensor.ts";
export { checkDepth, parseStrictJson, showJson } from "./io/strict-json.ts";
export { decodeUtf8, TextEncodingError, Utf8Reader } from "./io/utf8.ts";
