import { gt, numel, reshape, sum, where, zeros, type Activation, type Tensor } from "@tessera/tensor";
import type { LayerAttrs } from "@tessera/tensor/extend";
import { geluBackward } from "@tessera/tensor/ops/elementwise";
import { rule, type Vjp } from "./define-vjps.ts";

/** How a layer's op is called: y = f(x Wᵀ + b), with what else its weight is made of (an index) in `others`. */
export interface LayerSignature<Others extends readonly Tensor[], Attrs extends LayerAttrs> {
  inputs: [x: Tensor, weight: Tensor, bias: Tensor | null, ...others: Others];
  outputs: [y: Tensor, pre: Tensor | null];
  attrs: Attrs;
}

/** What the products of a layer are given beside their factors. */
export interface LayerCall<Others extends readonly Tensor[], Attrs extends LayerAttrs> {
  readonly others: Others;
  readonly attrs: Attrs;
}

/** The three products with a weight, in whatever form it is stored. */
export interface LinearProducts<Others extends readonly Tensor[], Attrs extends LayerAttrs> {
  /** x Wᵀ + b, without the activation. */
  forward(this: void, x: Tensor, weight: Tensor, bias: Tensor | null, call: LayerCall<Others, Attrs>): Tensor;
  /**
   * dy W. `takeSum` gives the gradient that x has already from other uses, at most once; who takes it returns the sum.
   */
  inputGradient(
    this: void,
    dy: Tensor,
    weight: Tensor,
    call: LayerCall<Others, Attrs>,
    takeSum: () => Tensor | null,
  ): Tensor;
  /** dyᵀ x, in the weight's form; `takeSum` likewise. */
  weightGradient(
    this: void,
    dy: Tensor,
    x: Tensor,
    call: LayerCall<Others, Attrs>,
    takeSum: () => Tensor | null,
  ): Tensor;
}

/** All dims but the last joined into rows. */
export const rowsOf = (x: Tensor): Tensor => reshape(x, [numel(x.shape.slice(0, -1)), x.size(-1)]);

const noGradients = <Others extends readonly Tensor[]>(others: Others) =>
  others.map(() => null) as { readonly [I in keyof Others]: null };

/** dL/d pre for y = f(pre). A relu selects: dy of what it did not take may be infinite, and is not looked at. */
const throughActivation = (dy: Tensor, pre: Tensor, activation: Activation): Tensor =>
  activation === "relu"
    ? where(gt(pre, 0), dy, zeros([], { device: dy.device }))
    : geluBackward(dy, pre, activation === "gelu" ? "none" : "tanh");

/**
 * The gradients of a layer's op, y = f(x Wᵀ + b): d pre = dy ⊙ f′(pre), dx = d pre W, dW = d preᵀ x, db = Σ d pre. What is kept of the
 * forward pass is what a wanted gradient reads: without an activation neither y nor the sums before it.
 *
 * @param products those with the weight's form
 * @returns the op's row of gradients; `others` get none
 * @example
 * const rows = { scaledLinear: linearGradients({ forward, inputGradient, weightGradient }) } satisfies VjpTable<typeof family>;
 */
export const linearGradients = <const Others extends readonly Tensor[], Attrs extends LayerAttrs>({
  forward,
  inputGradient,
  weightGradient,
}: LinearProducts<Others, Attrs>): Vjp<LayerSignature<Others, Attrs>> =>
  rule({
    reads: ({ inputs: [x, weight, , ...others], outputs: [, pre], attrs, needs }) => ({
      x: needs[1] ? x : null,
      weight: needs[0] ? weight : null,
      others,
      pre: attrs.activation === "none" ? null : pre,
    }),
    recompute: {
      reads: ({ inputs: [x, weight, bias, ...others], attrs }) =>
        attrs.activation === "none" ? null : { x, weight, bias, others },
      make: ({ x, weight, bias, others, attrs }) => ({ pre: forward(x, weight, bias, { others, attrs }) }),
    },
    vjp: ([dy], { x, weight, others, pre, attrs, needs, takeSum }) => {
      const { activation } = attrs;
      const dpre = pre && activation !== "none" ? throughActivation(dy, pre, activation) : dy;
      const call = { others, attrs };
      return [
        weight && inputGradient(dpre, weight, call, () => takeSum(0)),
        x && weightGradient(dpre, x, call, () => takeSum(1)),
        needs[2] ? sum(rowsOf(dpre), { dim: 0 }) : null,
        ...noGradients(others),
      ];
    },
  });
