import { valueAndGrad } from "@tessera/autograd";
import { Adam, LayerNorm, Linear, Module, ModuleList, mseLoss, MultiHeadAttention } from "@tessera/nn";
import { add, scope, tensor, type DeviceLike, type HostTensor, type Tensor } from "@tessera/tensor";
import type { Training } from "../rivals/rival.ts";
import { ADAM, NORM_EPS, type EncoderProblem, type EncoderSizes } from "./encoder-problem.ts";

class EncoderLayer extends Module {
  readonly norm1: LayerNorm;
  readonly attention: MultiHeadAttention;
  readonly norm2: LayerNorm;
  readonly up: Linear;
  readonly down: Linear;

  constructor({ hidden, heads, feedForward }: EncoderSizes, device: DeviceLike) {
    super();
    this.norm1 = new LayerNorm(hidden, { eps: NORM_EPS, device });
    this.attention = new MultiHeadAttention(hidden, heads, { device });
    this.norm2 = new LayerNorm(hidden, { eps: NORM_EPS, device });
    this.up = new Linear(hidden, feedForward, { activation: "geluTanh", device });
    this.down = new Linear(feedForward, hidden, { device });
  }

  forward(x: Tensor): Tensor {
    const attended = add(x, this.attention.forward(this.norm1.forward(x)));
    return add(attended, this.down.forward(this.up.forward(this.norm2.forward(attended))));
  }
}

class Encoder extends Module {
  readonly layers: ModuleList<EncoderLayer>;

  constructor(sizes: EncoderSizes, device: DeviceLike) {
    super();
    this.layers = new ModuleList(Array.from({ length: sizes.layers }, () => new EncoderLayer(sizes, device)));
  }

  forward(x: Tensor): Tensor {
    let state = x;
    for (const layer of this.layers) state = layer.forward(state);
    return state;
  }
}

/** A problem's names where ours differ. */
const ourNames: Readonly<Record<string, string>> = {
  query: "attention.qProj",
  key: "attention.kProj",
  value: "attention.vProj",
  out: "attention.outProj",
};

const stateOf = ({ weights }: EncoderProblem): ReadonlyMap<string, HostTensor> =>
  new Map(
    [...weights].map(([key, { shape, data }]) => {
      const [layer, part, name] = key.split(".") as [string, string, string];
      return [`layers.${layer}.${ourNames[part] ?? part}.${name}`, { shape, data, dtype: "float32" }];
    }),
  );

/** The encoder of `EncoderProblem` in Tessera. */
export const tesseraEncoder = (problem: EncoderProblem, device: DeviceLike = "cpu"): Training => {
  const { sizes, input, target } = problem;
  const model = new Encoder(sizes, device);
  model.loadStateDict(stateOf(problem));
  const { lr, beta1, beta2, eps } = ADAM;
  const optimizer = new Adam(model.namedParameters(), { lr, betas: [beta1, beta2], eps });
  const shape = [sizes.batch, sizes.tokens, sizes.hidden];
  const [x, y] = [tensor(input, shape, { device }), tensor(target, shape, { device })];
  const lossAndGrads = valueAndGrad(model, () => mseLoss(model.forward(x), y));
  return {
    step: () =>
      scope(() => {
        const { value, grads } = lossAndGrads();
        optimizer.step(grads);
        return value.itemSync();
      }),
    dispose: () => {
      optimizer.dispose();
      model.dispose();
      x.dispose();
      y.dispose();
    },
  };
};
