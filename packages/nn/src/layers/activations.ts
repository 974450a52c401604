import {
  elu,
  gelu,
  hardSwish,
  leakyRelu,
  logSoftmax,
  mish,
  relu,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
  type GeluApproximation,
  type Tensor,
} from "@tessera/tensor";
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

/** x where it is above 0, else alpha (eˣ − 1). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.ELU.html torch.nn.ELU} */
export class ELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }

  override extraRepr(): string {
    return `alpha=${this.alpha}`;
  }
}

/** The scaled ELU, which keeps mean 0 and variance 1. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.SELU.html torch.nn.SELU} */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return selu(x);
  }
}

/** x where it is above 0, else negativeSlope · x. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html torch.nn.LeakyReLU} */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }

  override extraRepr(): string {
    return `negativeSlope=${this.negativeSlope}`;
  }
}

/** x·tanh(softplus(x)). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Mish.html torch.nn.Mish} */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return mish(x);
  }
}

/** x·clamp(x/6 + ½, 0, 1). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardswish.html torch.nn.Hardswish} */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return hardSwish(x);
  }
}

/**
 * Shares of 1 along a dim, the last unless said otherwise.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html torch.nn.Softmax}
 *
 * @example
 * new Softmax().forward(tensor([0, 0])); // [0.5, 0.5]
 */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Logarithms of `Softmax`. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html torch.nn.LogSoftmax} */
export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}
