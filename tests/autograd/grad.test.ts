import {
  checkpoint,
  defineVjps,
  grad,
  GradientError,
  Gradients,
  stopGradient,
  valueAndGrad,
  vjp,
} from "@tessera/autograd";
import {
  add,
  argmax,
  cast,
  cpu,
  exp,
  memory,
  mul,
  neg,
  onesLike,
  Parameter,
  reference,
  scope,
  setDefaultDevice,
  square,
  sum,
  tanh,
  tensor,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { defineOp, run } from "@tessera/tensor/extend";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const leakless = (name: string, body: () => void | Promise<void>): void => it(name, () => withoutLeaks(body));
const numbers = (x: Tensor): number[] => [...x.dataSync()];
const within =
  (body: () => void): (() => void) =>
  () =>
    void scope((): void => body());

describe.each([reference, cpu])("on $name", (device) => {
  beforeAll(() => setDefaultDevice(device));
  afterAll(() => setDefaultDevice(cpu));

  leakless(
    "gives the value beside the gradient",
    within(() => {
      const { value, grads } = valueAndGrad((x: Tensor) => sum(square(x)))(tensor([1, 2, 3]));
      expect(value.itemSync()).toBe(14);
      expect(numbers(grads)).toEqual([2, 4, 6]);
    }),
  );

  leakless(
    "adds up the gradients of every use",
    within(() => {
      expect(numbers(grad((x: Tensor) => sum(add(mul(x, x), x)))(tensor([3])))).toEqual([7]);
    }),
  );

  leakless(
    "sums over what was broadcast",
    within(() => {
      const { pullback } = vjp((a: Tensor, b: Tensor) => mul(a, b), tensor([[1], [2]]), tensor([3, 4, 5]));
      const [da, db] = pullback(
        tensor([
          [1, 1, 1],
          [1, 1, 1],
        ]),
      );
      expect(da!.shape).toEqual([2, 1]);
      expect(numbers(da!)).toEqual([12, 12]);
      expect(numbers(db!)).toEqual([3, 3, 3]);
    }),
  );

  leakless(
    "differentiates a gradient",
    within(() => {
      const first = grad((x: Tensor) => sum(mul(square(x), x)));
      const second = grad((x: Tensor) => sum(first(x)));
      const third = grad((x: Tensor) => sum(second(x)));
      expect(numbers(first(tensor([2])))).toEqual([12]);
      expect(numbers(second(tensor([2])))).toEqual([12]);
      expect(numbers(third(tensor([2])))).toEqual([6]);
    }),
  );

  leakless(
    "tells two arguments apart that are one tensor",
    within(() => {
      const x = tensor([3]);
      const [da, db] = vjp((a: Tensor, b: Tensor) => mul(a, square(b)), x, x).pullback(tensor([1]));
      expect([numbers(da!), numbers(db!)]).toEqual([[9], [18]]);
    }),
  );

  leakless(
    "gives gradients by name, tied weights once, zeros for what was not used",
    within(() => {
      const w = new Parameter(tensor([2]));
      const unused = new Parameter(zeros([2]));
      const model = {
        namedParameters: () =>
          new Map([
            ["w", w],
            ["unused", unused],
          ]),
      };
      const { value, grads } = valueAndGrad(model, (x: Tensor) => ({ loss: sum(mul(mul(x, w), w)), twice: mul(w, 2) }))(
        tensor([3]),
      );
      expect(value.loss.itemSync()).toBe(12);
      expect(numbers(value.twice)).toEqual([4]);
      expect([...grads.keys()]).toEqual(["w", "unused"]);
      expect(numbers(grads.get("w")!)).toEqual([12]);
      expect(numbers(grads.get("unused")!)).toEqual([0, 0]);
      w.dispose();
      unused.dispose();
    }),
  );

  leakless(
    "spends nothing on frozen parameters",
    within(() => {
      const [w, frozen] = [new Parameter(tensor([2])), new Parameter(tensor([5]), { trainable: false })];
      const seen: boolean[] = [];
      const model = {
        namedParameters: () =>
          new Map([
            ["w", w],
            ["frozen", frozen],
          ]),
      };
      const { grads } = valueAndGrad(model, () => sum(mul(w, spy(square(frozen), seen))))();
      expect([...grads.keys()]).toEqual(["w"]);
      expect(numbers(grads.get("w")!)).toEqual([25]);
      expect(seen).toEqual([]);
      w.dispose();
      frozen.dispose();
    }),
  );

  leakless(
    "lets go of what no rule will read",
    within(() => {
      // add saves nothing, tanh its output alone: of ten sums, none outlives its use.
      const before = memory()[device.name]?.storages ?? 0;
      const x = zeros([1024]);
      let inside = 0;
      grad((y: Tensor) => {
        const z = scope(() => {
          let total = y;
          for (let i = 0; i < 10; i++) total = add(total, 1);
          return tanh(total);
        });
        inside = memory()[device.name]!.storages - before;
        return sum(z);
      })(x);
      // x (the argument is a view of it), and tanh's output.
      expect(inside).toBe(2);
    }),
  );

  leakless(
    "accumulates gradients and consumes what is added",
    within(() => {
      const make = (value: number) => new Gradients([["w", tensor([value])]]);
      const total = new Gradients();
      total.add(make(1));
      const second = make(2);
      total.add(second);
      expect(second.size).toBe(0);
      expect(numbers(total.get("w")!)).toEqual([3]);
      expect(() => total.add(new Gradients([["v", tensor([1])]]))).toThrow(
        "gradients: expected the same parameters, missing w, unexpected v",
      );
    }),
  );

  leakless(
    "recomputes a checkpoint and keeps less",
    within(() => {
      const w = new Parameter(tensor([0.5, -0.25]));
      const model = { namedParameters: () => new Map([["w", w]]) };
      const deep = (x: Tensor): Tensor => scope(() => tanh(mul(exp(tanh(mul(x, w))), w)));
      const kept: number[] = [];
      const run = (f: (x: Tensor) => Tensor) =>
        valueAndGrad(model, (x: Tensor) => {
          const y = f(x);
          kept.push(memory()[device.name]!.storages);
          return sum(y);
        })(tensor([1, 2]));
      const plain = run(deep);
      const light = run(checkpoint(deep));
      expect(light.value.itemSync()).toBe(plain.value.itemSync());
      expect(numbers(light.grads.get("w")!)).toEqual(numbers(plain.grads.get("w")!));
      expect(kept[1]! - kept[0]!).toBeLessThan(2);
      w.dispose();
    }),
  );

  leakless(
    "refuses to overwrite what a live tape still reads",
    within(() => {
      const x = new Parameter(tensor([1, 2]));
      const { value, pullback, dispose } = vjp((y: Tensor) => mul(y, x), x);
      expect(() => run(shiftOp, [x])).toThrow(/shift: would overwrite a tensor that a live tape still reads/);
      pullback(onesLike(value));
      expect(() => run(shiftOp, [x])).not.toThrow();
      dispose();
      x.dispose();
    }),
  );

  leakless(
    "says what it cannot differentiate",
    within(() => {
      const x = tensor([1, 2]);
      expect(() => grad((y: Tensor) => square(y))(x)).toThrow(
        "grad: expected a scalar float32 loss, got float32 [2]; take its sum() or mean(), or use vjp",
      );
      expect(() => grad((y: Tensor) => sum(cast(argmax(y), "float32")))(x)).toThrow(
        "grad: the loss does not depend on what it is differentiated by; it passed through argmax, which is not differentiable",
      );
      expect(() => grad((y: Tensor) => sum(stopGradient(y)))(x)).toThrow(GradientError);
      expect(() => grad((y: Tensor) => sum(run(untaughtOp, [y])[0]))(x)).toThrow(
        "untaught: has no gradient rule; teach it with defineVjps",
      );
      expect(() => valueAndGrad({ namedParameters: () => new Map() }, () => sum(x))()).toThrow(
        "valueAndGrad: the model has no trainable parameter",
      );
    }),
  );
});

// Only what its signature needs: an op of somebody else's, without AssemblyScript.
const untaughtOp = defineOp<{ inputs: [x: Tensor]; outputs: [y: Tensor] }>({
  name: "untaught",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  kernels: { reference: ([x], [y]) => y.values.set(x.values), cpu: "reference", webgpu: "none" },
});
const shiftOp = defineOp<{ inputs: [x: Tensor]; outputs: [] }>({
  name: "shift",
  infer: () => [],
  mutates: () => true,
  kernels: {
    reference: ([x]) => {
      for (let i = 0; i < x.values.length; i++) x.values[i]! += 1;
    },
    cpu: "reference",
    webgpu: "none",
  },
});
const spyOp = defineOp<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: { seen: boolean[] } }>({
  name: "spy",
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  kernels: { reference: ([x], [y]) => y.values.set(x.values), cpu: "reference", webgpu: "none" },
});
/** Notes when its gradient is taken. */
const spy = (x: Tensor, seen: boolean[]): Tensor => run(spyOp, [x], { seen })[0];
defineVjps(
  { spyOp },
  {
    spy: {
      vjp: ([dy], { attrs: { seen } }) => {
        seen.push(true);
        return [neg(dy)];
      },
    },
  },
);
