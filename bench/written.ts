import type { Tensor } from "@tessera/tensor";

/** As if they had just been written: whatever was derived from them, such as packed panels, is made again. */
export const written = (...tensors: readonly Tensor[]): void => {
  for (const { storage } of tensors) storage.mutate("bench");
};
