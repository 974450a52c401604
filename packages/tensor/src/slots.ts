/** A tensor or a scratch region of the launch. */
export type Slot = { readonly in: number } | { readonly out: number } | { readonly scratch: number };

/** A number that may change without a new plan, by its name in the op's scalars. */
export interface ScalarRef {
  readonly scalar: string;
}

/** A list of int32s and addresses that a step reads; its own address is the argument. */
export interface Words {
  readonly words: readonly (number | Slot)[];
}

/** The op's input number `index`. */
export const input = (index: number): Slot => ({ in: index });
/** The op's output number `index`. */
export const output = (index: number): Slot => ({ out: index });
/** The plan's scratch region number `index`, see `scratchBytes`. */
export const scratch = (index: number): Slot => ({ scratch: index });
/** The op's scalar of that name, as it is when the step runs. */
export const scalar = (name: string): ScalarRef => ({ scalar: name });
/** A list in memory, for sizes and strides: as many as there are dims. */
export const words = (list: readonly (number | Slot)[]): Words => ({ words: list });
