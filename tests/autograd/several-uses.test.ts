import { vjp } from "@tessera/autograd";
import { embedding, Generator, linear, randn, scope, tensor, type Backend, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

/** Names of the ops that `fn` runs on a device. */
const launchedBy = <T>(device: Backend, fn: () => T): { result: T; names: string[] } => {
  const names: string[] = [];
  const launch = device.launch.bind(device);
  device.launch = (call) => {
    names.push(call.op.name);
    launch(call);
  };
  try {
    return { result: fn(), names };
  } finally {
    Reflect.deleteProperty(device, "launch");
  }
};

/** One tensor in several places against as many tensors in one place each, whose gradients are added by hand. */
const agrees = async (
  device: Backend,
  shape: readonly number[],
  uses: number,
  f: (places: readonly Tensor[]) => Tensor[],
): Promise<readonly string[]> => {
  const { names, joined, apart } = scope(() => {
    const x = randn(shape, { generator: new Generator(5), device });
    const once = vjp((x) => f(new Array<Tensor>(uses).fill(x)), x);
    const dy = once.value.map((y, i) => randn(y.shape, { generator: new Generator(50 + i), device }));
    const { result, names } = launchedBy(device, () => once.pullback(dy)[0]!);
    const separate = vjp((...xs) => f(xs), ...Array.from({ length: uses }, () => x));
    return { names, joined: result, apart: separate.pullback(dy).map((one) => one!) };
  });
  const parts = await Promise.all(apart.map((one) => one.data()));
  const total = Float32Array.from(parts[0]!, (_, i) => parts.reduce((sum, part) => sum + part[i]!, 0));
  expect(difference(await valuesOf(joined), { shape, dtype: "float32", values: total }, { relative: 1e-5 })).toBeNull();
  for (const one of [joined, ...apart]) one.dispose();
  return names;
};

onEveryDevice((device) => {
  const generator = new Generator(9);
  const matrix = (...shape: number[]): Tensor => randn(shape, { generator, device });

  it("adds the gradients of an input of several layers inside their products", () =>
    withoutLeaks(async () => {
      const weights = [matrix(12, 8), matrix(20, 8), matrix(4, 8)];
      const names = await agrees(device, [3, 7, 8], 3, (xs) => weights.map((w, i) => linear(xs[i]!, w)));
      expect(names).toEqual(expect.arrayContaining(["matmul", "addmm"]));
      expect(names).not.toContain("add");
      for (const weight of weights) weight.dispose();
    }));

  it("adds the gradients of a weight of several layers inside their products", () =>
    withoutLeaks(async () => {
      const inputs = [matrix(5, 8), matrix(2, 3, 8)];
      const names = await agrees(device, [6, 8], 2, (ws) =>
        inputs.map((x, i) => linear(x, ws[i]!, null, { activation: "gelu" })),
      );
      expect(names).not.toContain("add");
      for (const input of inputs) input.dispose();
    }));

  it("adds the gradient of looked up rows to that of a tied output layer", () =>
    withoutLeaks(async () => {
      const [ids, x] = [tensor(new Int32Array([4, 1, 4, 0]), [4], { device }), matrix(5, 6)];
      const names = await agrees(device, [9, 6], 2, ([table, weight]) => [
        embedding(ids, table!, { paddingIdx: 0 }),
        linear(x, weight!),
      ]);
      expect(names).toContain("embeddingBackward");
      expect(names).not.toContain("add");
      for (const one of [ids, x]) one.dispose();
    }));

  it("adds what cannot be added on the way: a vector's gradients", () =>
    withoutLeaks(async () => {
      const weights = [matrix(3, 4), matrix(2, 4)];
      const names = await agrees(device, [4], 2, (xs) => weights.map((w, i) => linear(xs[i]!, w)));
      expect(names).toContain("add");
      for (const weight of weights) weight.dispose();
    }));
});
