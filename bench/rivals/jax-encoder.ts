import { ADAM, NORM_EPS, transposed, type EncoderProblem } from "../cpu/encoder-problem.ts";
import type { Jax, JaxArray } from "./jax-types.ts";
import type { Training } from "./rival.ts";

type Params = Readonly<Record<string, JaxArray>>;

/** The encoder of `EncoderProblem` in jax-js, gradients and Adam in one compiled function. */
export const jaxEncoder = (jax: Jax, { sizes, weights, input, target }: EncoderProblem): Training => {
  const { numpy: np, nn } = jax;
  const { layers, hidden, heads, batch, tokens } = sizes;
  const width = hidden / heads;

  // Inside, arrays are traced: a reference that is not used up costs nothing.
  const loss = (params: Params, x0: JaxArray, y: JaxArray): JaxArray => {
    const of = (name: string): JaxArray => params[name]!.ref;
    const linear = (x: JaxArray, name: string): JaxArray => np.matmul(x, of(`${name}.weight`)).add(of(`${name}.bias`));
    const norm = (x: JaxArray, name: string): JaxArray =>
      nn
        .standardize(x, -1, { epsilon: NORM_EPS })
        .mul(of(`${name}.weight`))
        .add(of(`${name}.bias`));
    const attention = (a: JaxArray, layer: number): JaxArray => {
      // Its own dotProductAttention needs Node 22; it is made of the same products.
      const split = (name: string, permutation: readonly number[]): JaxArray =>
        linear(a.ref, `${layer}.${name}`).reshape([batch, tokens, heads, width]).transpose(permutation);
      const scores = np.matmul(split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1])).mul(1 / Math.sqrt(width));
      const weighted = np.matmul(nn.softmax(scores), split("value", [0, 2, 1, 3])).transpose([0, 2, 1, 3]);
      return linear(weighted.reshape([batch * tokens, hidden]), `${layer}.out`);
    };
    let x = x0;
    for (let layer = 0; layer < layers; layer++) {
      x = x.ref.add(attention(norm(x, `${layer}.norm1`), layer));
      const inner = nn.gelu(linear(norm(x.ref, `${layer}.norm2`), `${layer}.up`), { approximate: true });
      x = x.add(linear(inner, `${layer}.down`));
    }
    return np.mean(np.square(x.sub(y)));
  };

  const names = [...weights.keys()];
  const step = jax.jit(
    // eslint-disable-next-line max-params -- jax traces positional arguments alone
    (params: Params, m: Params, v: Params, correction: JaxArray, correctionSq: JaxArray, x: JaxArray, y: JaxArray) => {
      const used = Object.fromEntries(names.map((name) => [name, params[name]!.ref]));
      const [value, grads] = jax.valueAndGrad(loss)(used, x, y);
      const next: [Record<string, JaxArray>, Record<string, JaxArray>, Record<string, JaxArray>] = [{}, {}, {}];
      for (const name of names) {
        const g = grads[name]!;
        const mean = m[name]!.mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
        const meanSq = v[name]!.mul(ADAM.beta2).add(np.square(g).mul(1 - ADAM.beta2));
        const root = np.sqrt(meanSq.ref.mul(correctionSq.ref)).add(ADAM.eps);
        next[0][name] = params[name]!.sub(mean.ref.mul(correction.ref).div(root).mul(ADAM.lr));
        next[1][name] = mean;
        next[2][name] = meanSq;
      }
      return [...next, value] as [Params, Params, Params, JaxArray];
    },
  );

  const filled = (fill: (weight: { readonly data: Float32Array }) => Float32Array): Params =>
    Object.fromEntries(
      [...weights].map(([name, weight]) => {
        const { shape, data } = transposed(weight);
        return [name, np.array(fill({ data }), { shape })];
      }),
    );
  let params = filled(({ data }) => data);
  let m = filled(({ data }) => new Float32Array(data.length));
  let v = filled(({ data }) => new Float32Array(data.length));
  const shape = [batch * tokens, hidden];
  const [x, y] = [np.array(input, { shape }), np.array(target, { shape })];
  let count = 0;
  return {
    step: async () => {
      count++;
      const [correction, correctionSq] = [ADAM.beta1, ADAM.beta2].map((beta) => np.array(1 / (1 - beta ** count))) as [
        JaxArray,
        JaxArray,
      ];
      const [nextParams, nextM, nextV, value] = step(params, m, v, correction, correctionSq, x.ref, y.ref);
      [params, m, v] = [nextParams, nextM, nextV];
      await jax.blockUntilReady([params, m, v]);
      return (await value.data())[0]!;
    },
    dispose: () => {
      for (const tree of [params, m, v]) for (const array of Object.values(tree)) array.dispose();
      x.dispose();
      y.dispose();
      step.dispose();
    },
  };
};
