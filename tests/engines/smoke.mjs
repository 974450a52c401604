// Run by each Node of this folder, from the built packages: does a training give the bits that another Node's gave? Prints one line.
import { valueAndGrad } from "../../packages/autograd/dist/index.js";
import { AdamW, Linear, mseLoss, Sequential, Tanh } from "../../packages/nn/dist/index.js";
import { BlockSparseLinear } from "../../packages/sparse/dist/index.js";
import {
  cpu,
  Generator,
  manualSeed,
  matmul,
  memory,
  rand,
  randn,
  scope,
  sin,
} from "../../packages/tensor/dist/index.js";

manualSeed(1);
const model = new Sequential(
  new Linear(1, 32),
  new Tanh(),
  new BlockSparseLinear(32, 32, { density: 0.5, blockSize: 8, generator: new Generator(2) }),
  new Tanh(),
  new Linear(32, 1),
);
const optimizer = new AdamW(model.namedParameters(), { lr: 0.01 });
const lossAndGrads = valueAndGrad(model, (x) => mseLoss(model.forward(x), sin(x)));
let first = NaN;
let last = NaN;
for (let step = 0; step < 100; step++) {
  const loss = scope(() => {
    const { value, grads } = lossAndGrads(rand([64, 1]));
    optimizer.step(grads);
    return value;
  });
  last = loss.itemSync();
  if (step === 0) first = last;
  loss.dispose();
}
// Long enough a job for the threads to join in.
const product = randn([512, 512]);
for (let i = 0; i < 20; i++) scope(() => void matmul(product, product));
product.dispose();

optimizer.dispose();
model.dispose();
const { tensors } = memory().cpu;
console.log(JSON.stringify({ node: process.versions.node, first, last, tensors, build: cpu.kernelBuild.build }));
if (!(last < first / 10)) throw new Error(`smoke: expected the loss to fall to a tenth, got ${first} and ${last}`);
if (tensors !== 0) throw new Error(`smoke: expected no live tensors, got ${tensors}`);
