// What must not compile: each line under `@ts-expect-error` leaves something out. Only the compiler reads this file.
import { linearGradients, notDifferentiable, rule, type VjpTable, type VjpTables } from "@tessera/autograd";
import { mul, type Tensor } from "@tessera/tensor";
import type * as entry from "@tessera/tensor";
import { defineOp, type LayerAttrs } from "@tessera/tensor/extend";
import type { families } from "@tessera/tensor/families";
import type * as move from "@tessera/tensor/ops/move";
import type * as softmax from "@tessera/tensor/ops/softmax";
import { samples } from "../samples/all.ts";
import { updateSamples } from "../samples/update.ts";
import { softmaxSamples } from "../samples/softmax.ts";
import type { SampleTable, SampleTables } from "../support/sample.ts";

interface Double {
  inputs: [x: Tensor, weight: Tensor | null];
  outputs: [y: Tensor, half: Tensor | null];
}
const reference = (): void => undefined;

export const doubleOp = defineOp<Double>({
  name: "double",
  infer: ([x]) => [x, x],
  extras: 1,
  kernels: { reference, cpu: "reference", webgpu: "none" },
});
interface Family {
  doubleOp: typeof doubleOp;
  double: (x: Tensor) => Tensor;
}
interface Families {
  double: Family;
}

// ---- a family
const { update: updateRows, ...otherSamples } = samples;
// @ts-expect-error -- the family `update` has no samples
otherSamples satisfies SampleTables<typeof families>;
({ ...otherSamples, update: updateRows }) satisfies SampleTables<typeof families>;

const doubleRows = { double: { vjp: ([dy]) => [mul(dy, 2), null] } } satisfies VjpTable<Family>;
// @ts-expect-error -- no rules for the family `double`
({}) satisfies VjpTables<Families>;
({ double: doubleRows }) satisfies VjpTables<Families>;

// ---- a row of gradients
// @ts-expect-error -- no rule for `double`
({}) satisfies VjpTable<Family>;
const softmaxRows = {
  softmax: notDifferentiable,
  logSoftmax: notDifferentiable,
  softmaxBackward: notDifferentiable,
} as const;
// @ts-expect-error -- no rule for `logSoftmaxBackward`
softmaxRows satisfies VjpTable<typeof softmax>;
({ ...softmaxRows, logSoftmaxBackward: notDifferentiable }) satisfies VjpTable<typeof softmax>;

// ---- a row of samples
const { adamStep, ...otherUpdates } = updateSamples;
// @ts-expect-error -- no samples for `adamStep`
otherUpdates satisfies (typeof samples)["update"];
({ ...otherUpdates, adamStep }) satisfies (typeof samples)["update"];
const { softmax: one, ...otherRows } = softmaxSamples;
// @ts-expect-error -- no samples for `softmax`
otherRows satisfies SampleTable<typeof softmax>;
({ ...otherRows, softmax: one }) satisfies SampleTable<typeof softmax>;
// @ts-expect-error -- an argument of another type
({ ...otherRows, softmax: [{ args: ["dim"] }] }) satisfies SampleTable<typeof softmax>;

// ---- an output that is not optional
export const withoutHalf = defineOp<Double>({
  name: "double",
  infer: ([x]) => [x, null],
  kernels: { reference, cpu: "reference", webgpu: "none" },
});
export const withoutOutput = defineOp<Double>({
  name: "double",
  // @ts-expect-error -- every call has a y
  infer: () => [null, null],
  kernels: { reference, cpu: "reference", webgpu: "none" },
});

// ---- a product of a layer
const forward = (x: Tensor): Tensor => x;
const products = { forward, inputGradient: forward, weightGradient: forward };
export const layerRow = linearGradients<[], LayerAttrs>(products);
// @ts-expect-error -- no `weightGradient`
export const withoutProduct = linearGradients<[], LayerAttrs>({ forward, inputGradient: forward });

// ---- a kernel of an op
export const withoutKernel = defineOp<Double>({
  name: "double",
  infer: ([x]) => [x, x],
  // @ts-expect-error -- no kernel for `webgpu`
  kernels: { reference, cpu: "reference" },
});
export const withoutReference = defineOp<Double>({
  name: "double",
  infer: ([x]) => [x, x],
  // @ts-expect-error -- no reference kernel
  kernels: { cpu: "reference", webgpu: "none" },
});

// ---- what a rule does not read
export const readsTooLittle: VjpTable<Family> = {
  double: rule({
    reads: ({ inputs: [x] }) => ({ x }),
    // @ts-expect-error -- `weight` is not read
    vjp: ([dy], { x, weight: _weight }) => [mul(dy, x), null],
  }),
};
export const readsNothing: VjpTable<Family> = {
  // @ts-expect-error -- `x` is not read
  double: { vjp: ([dy], { x: _x }) => [dy, null] },
};
export const optional: VjpTable<Family> = {
  double: rule({
    reads: ({ inputs: [, weight] }) => ({ weight }),
    // @ts-expect-error -- an optional input may be `null`
    vjp: ([dy], { weight }) => [mul(dy, weight), null],
  }),
};
export const remakesFromWhatIsNotRead: VjpTable<Family> = {
  double: rule({
    reads: ({ outputs: [, half] }) => ({ half }),
    recompute: {
      reads: ({ inputs: [x] }) => ({ x }),
      // @ts-expect-error -- `weight` is not read
      make: ({ weight: _weight }) => ({}),
    },
    vjp: ([dy], { half }) => [mul(dy, half), null],
  }),
};

// ---- the entry: all functions of the families, and nothing else of them
type EntryOf<M> = Extract<keyof M, keyof typeof entry>;
"narrow" satisfies EntryOf<typeof move>;
"softmax" satisfies EntryOf<typeof softmax>;
// @ts-expect-error -- an op's value is for authors of ops
"softmaxOp" satisfies EntryOf<typeof softmax>;
// @ts-expect-error -- and so is a fused backward
"softmaxBackward" satisfies EntryOf<typeof softmax>;
type Functions<M> = { readonly [K in keyof M as K extends `${string}Op` | `${string}Backward` ? never : K]: M[K] };
({}) as typeof entry satisfies Functions<typeof move>;
// @ts-expect-error -- what `npm run generate` has not seen
({}) as typeof entry satisfies Functions<Family>;

// ---- methods: functions of the families, but not those whose first argument is no tensor
type MethodsOf<M> = Extract<keyof M, keyof Tensor>;
"narrow" satisfies MethodsOf<typeof move>;
"softmax" satisfies MethodsOf<typeof softmax>;
// @ts-expect-error -- `cat` takes several tensors
"cat" satisfies MethodsOf<typeof move>;
// @ts-expect-error -- a fused backward is no method
"softmaxBackward" satisfies MethodsOf<typeof softmax>;
