import type { DeviceLike, Generator } from "@tessera/tensor";

/** Where a model is made, and what its first weights are drawn from. */
export interface ModelOptions {
  device?: DeviceLike;
  generator?: Generator;
}
