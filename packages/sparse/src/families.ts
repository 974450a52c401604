import * as blockCopy from "./ops/block-copy/block-copy.ts";
import * as blockMatmul from "./ops/block-matmul/block-matmul.ts";

/** The families of block-sparse ops, as `families` of `@tessera/tensor/families`. */
export const families = { blockMatmul, blockCopy } as const;
