// Training: a model of two layers learns which of two interleaved half moons a point belongs to.
import { valueAndGrad } from "@tessera/autograd";
import { AdamW, clipGradNorm, crossEntropy, Linear, Module } from "@tessera/nn";
import { argmax, gelu, manualSeed, memory, scope, tensor, type Tensor } from "@tessera/tensor";

manualSeed(1);

/** `n` points on two half circles that reach into each other, with their class. */
const moons = (n: number): { points: Tensor; labels: Tensor } => {
  const points = new Float32Array(2 * n);
  const labels = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const label = i % 2;
    const angle = (Math.PI * i) / n;
    // A fixed wobble in the place of noise.
    const radius = 1 + 0.1 * Math.sin(37 * i);
    points[2 * i] = label === 0 ? radius * Math.cos(angle) : 1 - radius * Math.cos(angle);
    points[2 * i + 1] = label === 0 ? radius * Math.sin(angle) : 0.5 - radius * Math.sin(angle);
    labels[i] = label;
  }
  return { points: tensor(points, [n, 2]), labels: tensor(labels, [n]) };
};

/** Fields first, with their shapes, then `forward`: the property path is the name in a checkpoint. */
class Classifier extends Module {
  readonly hidden = new Linear(2, 16); // weight [16, 2], bias [16]
  readonly out = new Linear(16, 2); // weight [2, 16], bias [2]

  forward(x: Tensor): Tensor {
    return this.out.forward(gelu(this.hidden.forward(x)));
  }
}

const model = new Classifier();
console.log(model.toString());
console.log(`parameters: ${model.numParameters()}`);

const { points, labels } = moons(200);
const optimizer = new AdamW(model.namedParameters(), { lr: 0.02, weightDecay: 0.01 });
const lossAndGrads = valueAndGrad(model, (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));

/** One step. The scope frees everything made inside it but the loss. */
const step = (): Tensor =>
  scope(() => {
    const { value: loss, grads } = lossAndGrads(points, labels);
    clipGradNorm(grads, 1);
    optimizer.step(grads);
    return loss;
  });

const bytesAfter = new Map<number, number>();
for (let i = 1; i <= 200; i++) {
  const loss = step();
  if (i % 50 === 0) console.log(`step ${i}: loss ${(await loss.item()).toFixed(4)}`);
  loss.dispose();
  bytesAfter.set(i, memory()["cpu"]!.bytes);
}
console.log(`bytes in use grew by ${bytesAfter.get(200)! - bytesAfter.get(10)!} from step 10 to step 200`);

const guesses = scope(() => argmax(model.forward(points), 1));
const [guessed, wanted] = await Promise.all([guesses.data(), labels.data()]);
const right = guessed.filter((guess, i) => guess === wanted[i]).length;
console.log(`${right} of ${wanted.length} points on the right moon`);

for (const one of [guesses, points, labels, optimizer, model]) one.dispose();
