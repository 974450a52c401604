// A layer with a tenth of its blocks, in the place of a dense one: same call, a tenth of the work.
import { valueAndGrad } from "@tessera/autograd";
import { Linear } from "@tessera/nn";
import { BlockSparseLinear } from "@tessera/sparse";
import { manualSeed, mean, memory, randn, resetPeakMemory, scope, square, sub, type Tensor } from "@tessera/tensor";

manualSeed(1);

// const fc = new Linear(1024, 256);
const fc = new BlockSparseLinear(1024, 256, { density: 0.1 });

const dense = new Linear(1024, 256);
console.log(`dense:  ${dense.numParameters()} parameters`);
console.log(`sparse: ${fc.numParameters()} parameters, density ${fc.layout.density.toFixed(4)}`);

// Every block row and block column has a block: no output is a constant, and no input is left unread.
console.log(`dead rows: ${fc.layout.deadRows().length}, dead columns: ${fc.layout.deadColumns().length}`);
console.log(fc.layout.toString());

const x = randn([64, 1024]);
const y = fc.forward(x);
console.log(`y has shape [${y.shape.join(", ")}]`);

// It trains like any layer. Its weight is a list of blocks, so gradients and optimiser state are as small as it is.
const target = randn([64, 256]);
const loss = (input: Tensor): Tensor => mean(square(sub(fc.forward(input), target)));
const { grads } = valueAndGrad(fc, loss)(x);
console.log(`gradient of the weight: [${grads.get("values")!.shape.join(", ")}]`);
grads.dispose();

// Nothing of the dense weight's size is ever made, forward or backward.
const before = memory()["cpu"]!.bytes;
resetPeakMemory();
scope(() => valueAndGrad(fc, loss)(x).grads.dispose());
const peak = memory()["cpu"]!.peakBytes - before;
console.log(`a step needs ${peak} bytes more; a dense gradient alone takes ${4 * 1024 * 256}`);

// The same function as the dense layer that its blocks make.
const unrolled = fc.toLinear();
const difference = scope(() => square(sub(unrolled.forward(x), y)).sum());
console.log(`agrees with its dense copy: ${(await difference.item()) < 1e-6}`);
for (const one of [x, y, target, difference, fc, dense, unrolled]) one.dispose();
