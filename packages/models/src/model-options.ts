import type { DeviceLike, Generator } from "@tessera/tensor";

/** Where a model is made, and what its first weights are drawn from. */
export interface ModelOptions {
  device?: DeviceLike | undefined;
  generator?: Generator | undefined;
}

/** How the table of an encoder's positions begins. They are learned in either case, and a checkpoint does not say. */
export type PositionInit = "normal" | "sinusoidal";

/** The same for encoders. */
export interface EncoderOptions extends ModelOptions {
  /**
   * `"normal"`, Hugging Face's, by default. With `"sinusoidal"` a short training learns far sooner to look at neighbours: waves of three
   * times the deviation of the other weights, of which the slowest turns by a tenth of a circle over all positions.
   */
  positionInit?: PositionInit;
}
