import { linear, Parameter, ShapeError, type Activation, type RandomOptions, type Tensor } from "@tessera/tensor";
import { sameShape, showShape } from "@tessera/tensor/extend";
import { kaimingUniform, uniform } from "../init.ts";
import { Module } from "../module.ts";
import { checkSizes } from "./check-sizes.ts";

export interface LinearOptions extends RandomOptions {
  /** Whether there is a bias, or an existing bias to share. */
  bias?: boolean | Parameter | undefined;
  /** An existing weight to share, such as an embedding's: tied weights. */
  weight?: Parameter | undefined;
  /** Applied to the sum in the same pass. */
  activation?: Activation | undefined;
}

/**
 * A dense layer, `y = f(x Wᵀ + b)`. Weight and bias start uniform in ±1/√in.
 *
 * Shape: x `[…, in]` → `[…, out]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html torch.nn.Linear}
 *
 * @throws ShapeError when the last size of x is not `inFeatures`.
 * @example
 * const fc = new Linear(1024, 256, { activation: "gelu" });
 * fc.forward(zeros([8, 1024])).shape; // [8, 256]
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly activation: Activation | null;
  weight: Parameter; // [out, in]
  bias: Parameter | null; // [out]

  constructor(
    inFeatures: number,
    outFeatures: number,
    { bias = true, weight, activation, ...random }: LinearOptions = {},
  ) {
    super();
    checkSizes("Linear", { inFeatures, outFeatures });
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.activation = activation ?? null;
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0;
    this.weight = weight
      ? given("weight", weight, [outFeatures, inFeatures])
      : new Parameter(kaimingUniform([outFeatures, inFeatures], { a: Math.sqrt(5), ...random }));
    this.bias =
      bias instanceof Parameter
        ? given("bias", bias, [outFeatures])
        : bias
          ? new Parameter(uniform([outFeatures], { low: -bound, high: bound, ...random }))
          : null;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias, { activation: this.activation ?? undefined });
  }

  override extraRepr(): string {
    const activation = this.activation ? `, activation="${this.activation}"` : "";
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== null}${activation}`;
  }
}

const given = (name: string, parameter: Parameter, shape: readonly number[]): Parameter => {
  if (!sameShape(parameter.shape, shape))
    throw new ShapeError(
      `Linear: expected a ${name} of shape ${showShape(shape)}, got ${showShape(parameter.shape)}; swap inFeatures and outFeatures?`,
    );
  return parameter;
};
