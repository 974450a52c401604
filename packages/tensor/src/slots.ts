import type { Slot } from "./op.ts";

/** A number that may change without a new plan, by its name in the op's scalars. */
export interface ScalarRef {
  readonly scalar: string;
}

/** Input `i` of the launch, in a step's arguments. */
export const input = (i: number): Slot => ({ in: i });

/** Output `i` of the launch. */
export const output = (i: number): Slot => ({ out: i });

/** Scratch region `i` of the plan, of `scratchBytes[i]` bytes. */
export const scratch = (i: number): Slot => ({ scratch: i });

/** The launch's scalar of that name, as float32. */
export const scalar = (name: string): ScalarRef => ({ scalar: name });
