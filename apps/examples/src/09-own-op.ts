// An op of your own: a record with its shape rule and kernels, and a row with its gradient. It then works like the built-in
// ones: checked, recorded, differentiated twice, on views and on every device that has a kernel.
//
// The op is a "leaky" ReLU of any slope: y = x where x > 0, else k x.
import { defineVjps, grad, rule, type VjpTable } from "@tessera/autograd";
import { DTypeError, gt, mul, numel, sum, tensor, where, type Tensor } from "@tessera/tensor";
import { defineOp, input, kernel, output, read, run, write } from "@tessera/tensor/extend";
import { kernels } from "./generated/kernels.ts";

/** Inputs, outputs and attributes by name: everything below is checked against it. */
type LeakyRelu = { inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: { k: number } };

/** Words are members of `w`, buffers go by their names; one invocation computes one element. */
const leakyKernel = kernel(
  {
    name: "leakyRelu",
    workgroup: 64,
    words: { count: "u32", start: "u32", k: "f32" },
    bind: { x: read("f32"), y: write("f32") },
  },
  (text) => `
${text.main} {
  let i = ${text.invocation};
  if (i < w.count) { let value = x[w.start + i]; y[i] = select(w.k * value, value, value > 0.0); }
}`,
);

const family = {
  leakyReluOp: defineOp<LeakyRelu>({
    name: "leakyRelu",
    // From shapes and dtypes alone, never from data.
    infer([x]) {
      if (x.dtype !== "float32")
        throw new DTypeError(`leakyRelu: expected float32, got ${x.dtype}; cast(x, "float32")`);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    kernels: {
      // Plain loops: the specification. `values` are in row-major order whatever view was given.
      reference([x], [y], { k }) {
        for (let i = 0; i < y.values.length; i++) {
          const value = x.values[i]!;
          y.values[i] = value > 0 ? value : k * value;
        }
      },
      // 09-own-op.as.ts, compiled by `tessera-wasm`, which also wrote this builder: arguments are checked by name and kind. Without
      // AssemblyScript say `cpu: "reference"`, and the plain loops run on the cpu device too.
      cpu: {
        plan({ outputs: [y], attrs: { k } }) {
          const [n, perTask] = [numel(y.shape), 16384];
          const args = { x: input(0), y: output(0), n, perTask, k };
          return { steps: [kernels.leakyReluF32(args, { tasks: Math.ceil(n / perTask) })] };
        },
      },
      // Sizes and numbers are words, so one shader serves them all. What is missing or misspelt does not compile.
      webgpu: {
        plan: ({ inputs: [x], outputs: [y], attrs: { k } }) => {
          const count = numel(y.shape);
          const args = { x: input(0), y: output(0), count, start: x.offset, k };
          return { steps: [leakyKernel(args, { workgroups: Math.ceil(count / 64) })] };
        },
      },
    },
  }),
};

/** What others call. Shape: any → the same. */
const leakyRelu = (x: Tensor, k = 0.01): Tensor => run(family.leakyReluOp, [x], { k })[0];

// dx = dy where x > 0, else k dy. Leaving this row out does not compile.
const vjps = {
  leakyRelu: rule({
    reads: ({ inputs: [x] }) => ({ x }),
    vjp: ([dy], { x, attrs: { k } }) => [where(gt(x, 0), dy, mul(dy, k))],
  }),
} satisfies VjpTable<typeof family>;
defineVjps(family, vjps);

const x = tensor([-2, -1, 0.5, 3]);
console.log(`leakyRelu: ${leakyRelu(x, 0.1).toString()}`);
console.log(`gradient:  ${grad((t: Tensor) => sum(leakyRelu(t, 0.1)))(x).toString()}`);

// The rule is made of ops, so it differentiates again: (leakyRelu(x)²)″ = 2 k² or 2.
const squared = (t: Tensor): Tensor => {
  const y = leakyRelu(t, 0.1);
  return sum(mul(y, y));
};
console.log(`second:    ${grad((t: Tensor) => sum(grad(squared)(t)))(x).toString()}`);

// Errors name the op.
try {
  leakyRelu(tensor([true]));
} catch (error) {
  console.log(`error:     ${(error as Error).message}`);
}
x.dispose();
