import { DTypeError, ShapeError } from "../../error.ts";
import { numel, showShape, type Layout, type TensorSpec } from "../../shape.ts";
import { erf } from "../elementwise/special.ts";

/** What a layer applies to its sum. "geluTanh" is GELU's tanh approximation. */
export type Activation = "relu" | "gelu" | "geluTanh";

/** Attributes of a layer's op: y = f(x Wᵀ + b), where "none" leaves the sum as it is. */
export interface LayerAttrs {
  readonly activation: Activation | "none";
}

/** Throws unless every input is float32. */
export const checkFloat = (op: string, ...inputs: readonly (TensorSpec | null)[]): void => {
  for (const input of inputs)
    if (input && input.dtype !== "float32")
      throw new DTypeError(`${op}: expected float32, got ${input.dtype}; cast(x, "float32") first?`);
};

/** Throws unless the bias has a number for each output; `weight` says whose outputs they are. */
export const checkBias = (op: string, bias: TensorSpec | null, outputs: number, weight: () => string): void => {
  if (!bias || (bias.shape.length === 1 && bias.shape[0] === outputs)) return;
  throw new ShapeError(
    `${op}: expected a bias [${outputs}] for the ${weight()}, got ${showShape(bias.shape)}; reshape it`,
  );
};

/**
 * Specs of a layer's op: y, and what the activation was given. Only the backward reads the second, and a layer without an activation has
 * none.
 */
export const layerSpecs = (
  shape: readonly number[],
  { activation }: LayerAttrs,
): [y: TensorSpec, pre: TensorSpec | null] => {
  const y = { shape, dtype: "float32" } as const;
  return [y, activation === "none" ? null : y];
};

/** Rows of x: all dims but the last. */
export const tokensOf = ({ shape }: Pick<Layout, "shape">): number => numel(shape.slice(0, -1));

/** f of each activation, for kernels of the reference. */
export const activations: { readonly [A in LayerAttrs["activation"]]: (x: number) => number } = {
  none: (x) => x,
  relu: (x) => (x <= 0 ? 0 : x),
  // x Φ(x)
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};
