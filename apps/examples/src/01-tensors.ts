// Tensors: making them, looking at them, computing with them, and who frees them.
import { add, arange, matmul, memory, mul, scope, sum, tensor, transpose } from "@tessera/tensor";

// A tensor has a shape, a dtype and a device. Numbers are float32 unless you say otherwise.
const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);
console.log(`x has shape [${x.shape.join(", ")}], dtype ${x.dtype}, device ${x.device.name}`);
console.log(`x = ${x.toString()}`);

// A view is another way to read the same memory: transposing copies nothing.
const xt = transpose(x, 0, 1);
console.log(`xᵀ shares x's memory: ${xt.storage === x.storage}`);

// Sizes of 1 stretch: a column plus a row is a table. Every function is a method too, where torch has one.
const column = arange(3, undefined, { dtype: "float32" }).reshape([3, 1]);
const row = tensor([10, 20]);
console.log(`column + row = ${column.add(row).toString()}`);

// Products, and sums along a dim.
console.log(`x xᵀ = ${matmul(x, xt).toString()}`);
console.log(`sums of x's rows: ${sum(x, { dim: 1 }).toString()}`);

// A tensor's bytes change only through ops that say so; computing gives new tensors. To read values, await them.
const doubled = mul(x, 2);
console.log(`values: ${Array.from(await doubled.data()).join(" ")}`);

// Wrong shapes are errors that say what to do.
try {
  matmul(x, x);
} catch (error) {
  console.log(`error: ${(error as Error).message}`);
}

// Memory is counted. A scope frees what is made inside it, except what it returns.
const before = memory()["cpu"]!.tensors;
const total = scope(() => {
  const squares = mul(x, x);
  const shifted = add(squares, 1);
  return sum(shifted);
});
console.log(`Σ (x² + 1) = ${await total.item()}`);
console.log(`tensors left by the scope: ${memory()["cpu"]!.tensors - before}`);
for (const made of [x, xt, column, row, doubled, total]) made.dispose();
