import { gelu, relu, sigmoid, silu, softplus, tanh, type GeluApproximation, type Tensor } from "@tessera/tensor";
import { Module } from "../module.ts";

/**
 * The Gaussian error linear unit, x·Φ(x), or its tanh approximation.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html torch.nn.GELU}
 *
 * @example
 * new GELU({ approximate: "tanh" }).forward(tensor([-1, 0, 1])); // [-0.1588, 0, 0.8412]
 */
export class GELU extends Module {
  readonly approximate: GeluApproximation;

  constructor({ approximate = "none" }: { approximate?: GeluApproximation | undefined } = {}) {
    super();
    this.approximate = approximate;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate="${this.approximate}"`;
  }
}

/** max(x, 0). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html torch.nn.ReLU} */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** The hyperbolic tangent. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html torch.nn.Tanh} */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** x·sigmoid(x). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.SiLU.html torch.nn.SiLU} */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** 1/(1 + e⁻ˣ). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html torch.nn.Sigmoid} */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** ln(1 + eˣ). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html torch.nn.Softplus} */
export class Softplus extends Module {
  forward(x: Tensor): Tensor {
    return softplus(x);
  }
}
