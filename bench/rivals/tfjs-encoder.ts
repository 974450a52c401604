import { ADAM, NORM_EPS, transposed, type EncoderProblem } from "../cpu/encoder-problem.ts";
import type { Training } from "./rival.ts";
import type { Tf, TfTensor, TfVariable } from "./tfjs-types.ts";

/** The encoder of `EncoderProblem` from tfjs's core ops: it has no fused norm or GELU, and no attention. */
export const tfjsEncoder = (tf: Tf, { sizes, weights, input, target }: EncoderProblem): Training => {
  const { layers, hidden, heads, batch, tokens } = sizes;
  const width = hidden / heads;
  const variables = new Map<string, TfVariable>(
    [...weights].map(([name, weight]) => {
      const { data, shape } = transposed(weight);
      return [name, tf.tidy(() => tf.variable(tf.tensor(data, shape)))];
    }),
  );
  const of = (name: string): TfVariable => variables.get(name)!;
  // Rows of tokens: its matMul of matrices is its fast one.
  const [x0, y] = [tf.tensor(input, [batch * tokens, hidden]), tf.tensor(target, [batch * tokens, hidden])];

  const linear = (x: TfTensor, name: string): TfTensor =>
    tf.add(tf.matMul(x, of(`${name}.weight`)), of(`${name}.bias`));
  const norm = (x: TfTensor, name: string): TfTensor => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(
      tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, NORM_EPS))), of(`${name}.weight`)),
      of(`${name}.bias`),
    );
  };
  const gelu = (x: TfTensor): TfTensor => {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  };
  const split = (x: TfTensor): TfTensor => tf.transpose(tf.reshape(x, [batch, tokens, heads, width]), [0, 2, 1, 3]);
  const attention = (a: TfTensor, layer: number): TfTensor => {
    const [q, k, v] = ["query", "key", "value"].map((name) => split(linear(a, `${layer}.${name}`))) as [
      TfTensor,
      TfTensor,
      TfTensor,
    ];
    const weighted = tf.matMul(tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width))), v);
    return linear(tf.reshape(tf.transpose(weighted, [0, 2, 1, 3]), [batch * tokens, hidden]), `${layer}.out`);
  };
  const loss = (): TfTensor => {
    let x = x0;
    for (let layer = 0; layer < layers; layer++) {
      x = tf.add(x, attention(norm(x, `${layer}.norm1`), layer));
      x = tf.add(x, linear(gelu(linear(norm(x, `${layer}.norm2`), `${layer}.up`)), `${layer}.down`));
    }
    return tf.mean(tf.square(tf.sub(x, y)));
  };

  const optimizer = tf.train.adam(ADAM.lr, ADAM.beta1, ADAM.beta2, ADAM.eps);
  return {
    step: () =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(loss, [...variables.values()]);
        optimizer.applyGradients(grads);
        return value.dataSync()[0]!;
      }),
    dispose: () => {
      optimizer.dispose();
      tf.dispose([...variables.values(), x0, y]);
    },
  };
};
