import type { Tensor } from "./tensor.ts";

/** The handles made inside one `scope`. */
export type Frame = Set<Tensor>;

/** The innermost open scope, `null` outside all of them: what a new tensor falls into. A binding, so that reading it costs no call. */
export let currentFrame: Frame | null = null;

/** Opens a frame, or goes back to one. Returns the one that was open. */
export const enterFrame = (frame: Frame | null): Frame | null => {
  const before = currentFrame;
  currentFrame = frame;
  return before;
};
