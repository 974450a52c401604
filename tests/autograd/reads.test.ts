// What a tape keeps, and what another tape that watches the way back finds.
import { defineVjps, grad, rule, valueAndGrad, vjp } from "@tessera/autograd";
import {
  add,
  addLayerNorm,
  cpu,
  Generator,
  linear,
  memory,
  mul,
  ones,
  Parameter,
  randn,
  reference,
  scope,
  setDefaultDevice,
  square,
  sum,
  type Tensor,
} from "@tessera/tensor";
import { defineOp, run } from "@tessera/tensor/extend";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const leakless = (name: string, body: () => void): void =>
  it(name, () => withoutLeaks(() => void scope((): void => body())));
const numbers = (x: Tensor): number[] => [...x.dataSync()];
const model = (...parameters: readonly Parameter[]) => ({
  namedParameters: () => new Map(parameters.map((parameter, i) => [`p${i}`, parameter])),
});

beforeAll(() => setDefaultDevice(reference));
afterAll(() => setDefaultDevice(cpu));

describe("a tape", () => {
  /** Storages that a tape holds after `f`, which makes them itself, ran. */
  const keptBy = (f: (x: Tensor) => Tensor): number => {
    let kept = 0;
    grad((x: Tensor) => {
      const before = memory()["reference"]!.storages;
      const y = scope(() => f(x));
      kept = memory()["reference"]!.storages - before - 1;
      return sum(y);
    })(ones([4, 4]));
    return kept;
  };

  leakless("keeps of a product only the factor that a wanted gradient reads", () => {
    // dx = dz y: y is kept, and nothing else that was made.
    expect(keptBy((x) => mul(add(x, 1), square(ones([4, 4]))))).toBe(1);
    // Both are read where both depend on x.
    expect(keptBy((x) => mul(add(x, 1), add(x, 2)))).toBe(2);
    // No gradient of the weight: x is not kept, the weight is.
    expect(keptBy((x) => linear(add(x, 1), ones([4, 4]), ones([4])))).toBe(1);
  });

  leakless("keeps the sum of a residual norm, and neither addend", () => {
    // The sum, a shift and an rstd.
    expect(keptBy((x) => addLayerNorm(add(x, 1), add(x, 2), [4]))).toBe(3);
  });

  leakless("lets a tensor that no rule reads be overwritten, and no other", () => {
    const [weight, bias] = [new Parameter(ones([3, 2])), new Parameter(ones([3]))];
    const { pullback, value } = vjp((x: Tensor) => linear(x, weight, bias), ones([5, 2]));
    expect(() => run(zeroOp, [bias])).not.toThrow();
    expect(() => run(zeroOp, [weight])).toThrow(/zero: would overwrite a tensor that a live tape still reads/);
    pullback(value);
    expect(() => run(zeroOp, [weight])).not.toThrow();
    weight.dispose();
    bias.dispose();
  });
});

describe("a second derivative", () => {
  const generator = new Generator(4);

  leakless("passes through a pre-activation to parameters of a forward pass that was not watched", () => {
    const [weight, bias] = [new Parameter(randn([3, 2], { generator })), new Parameter(randn([3], { generator }))];
    const x = randn([5, 2], { generator });
    const slope = (first: () => ReturnType<typeof vjp<Tensor>>): number[][] => {
      const { grads } = valueAndGrad(model(weight, bias), () => {
        const { pullback, value } = first();
        return sum(square(pullback(ones(value.shape))[0]!));
      })();
      return [...grads.values()].map(numbers);
    };
    const forward = () => vjp((x) => linear(x, weight, bias, { activation: "gelu" }), x);
    const before = forward();
    const outside = slope(() => before);
    expect(outside).toEqual(slope(forward));
    expect(outside.flat().some((value) => Math.abs(value) > 0.01)).toBe(true);
    weight.dispose();
    bias.dispose();
  });

  leakless("through what was not kept is refused with a reason", () => {
    // A tensor that is no parameter, tracked only by a tape that starts after the forward pass.
    const x = randn([4], { generator });
    const late = { namedParameters: () => new Map([["x", x]]) };
    const weight = new Parameter(ones([4]));
    const again = vjp((w) => run(pairOp, [x, w])[0], weight);
    expect(() => valueAndGrad(late, () => sum(again.pullback(ones([4]))[0]!))()).toThrow(
      "pair: its second derivative reads inputs that were not kept; run the forward pass inside the function that is differentiated twice",
    );
    weight.dispose();
  });
});

const kernels = { reference: () => undefined, cpu: "reference", webgpu: "none" } as const;
const zeroOp = defineOp<{ inputs: [x: Tensor]; outputs: [] }>({
  name: "zero",
  infer: () => [],
  mutates: () => true,
  kernels: { ...kernels, reference: ([x]) => void x.values.fill(0) },
});
/** y = x² w; x² is for the backward alone. */
const pairOp = defineOp<{ inputs: [x: Tensor, w: Tensor]; outputs: [y: Tensor, squared: Tensor | null] }>({
  name: "pair",
  infer: ([x]) => [x, x],
  extras: 1,
  kernels: {
    ...kernels,
    reference: ([x, w], [y, squared]) => {
      for (const [i, value] of x.values.entries()) {
        y.values[i] = value * value * w.values[i]!;
        if (squared) squared.values[i] = value * value;
      }
    },
  },
});
defineVjps(
  { pairOp },
  {
    pair: rule({
      reads: ({ outputs: [, squared] }) => ({ squared }),
      recompute: { reads: ({ inputs: [x] }) => ({ x }), make: ({ x }) => ({ squared: square(x) }) },
      vjp: ([dy], { squared }) => [null, mul(dy, squared)],
    }),
  },
);
