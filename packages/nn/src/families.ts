import * as batchNorm from "./ops/batch-norm/batch-norm.ts";
import * as windows from "./ops/windows/windows.ts";

/** The families of ops of this package, as `families` of `@tessera/tensor/families`. */
export const families = { windows, batchNorm } as const;
