import type { Tensor } from "@tessera/tensor";
import { Module } from "../module.ts";

/** Returns its input. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html torch.nn.Identity} */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}
