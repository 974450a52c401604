import { Gradients } from "@tessera/autograd";
import { clipGradNorm, SGD } from "@tessera/nn";
import { Parameter, scope, tensor, zeros } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

onEveryDevice(() => {
  const make = () =>
    new Gradients([
      ["a", tensor([3, 0])],
      ["b", tensor([[-4]])],
    ]);
  /** What a step of rate 1 from zero takes off: the gradients as they count. */
  const counted = async (grads: Gradients): Promise<number[]> => {
    const params = new Map([...grads].map(([name, { shape }]) => [name, new Parameter(zeros(shape))]));
    const optimizer = new SGD(params, { lr: 1 });
    optimizer.step(grads);
    const values = await Promise.all([...params.values()].map((parameter) => parameter.data()));
    optimizer.dispose();
    for (const parameter of params.values()) parameter.dispose();
    return values.flatMap((each) => Array.from(each, (x) => 0 - x));
  };
  const close = (got: readonly number[], want: readonly number[]): void => {
    expect(got).toHaveLength(want.length);
    for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 6);
  };

  it("returns the norm of all gradients together and scales them to the limit", () =>
    withoutLeaks(async () => {
      const grads = make();
      const norm = clipGradNorm(grads, 1);
      expect(await norm.item()).toBeCloseTo(5, 6);
      expect([...(await grads.get("a")!.data())]).toEqual([3, 0]);
      close(await counted(grads), [0.6, 0, -0.8]);
      norm.dispose();
    }));

  it("leaves a norm below the limit exactly alone, and only measures with Infinity", () =>
    withoutLeaks(async () => {
      for (const limit of [5.5, Infinity]) {
        const grads = make();
        clipGradNorm(grads, limit).dispose();
        expect(await grads.scale!.item()).toBe(1);
        expect(await counted(grads)).toEqual([3, 0, -4]);
      }
      const still = new Gradients([["a", zeros([3])]]);
      clipGradNorm(still, Infinity).dispose();
      expect((await counted(still)).map(Math.abs)).toEqual([0, 0, 0]);
    }));

  it("clips again what is clipped already", () =>
    withoutLeaks(async () => {
      const grads = make();
      clipGradNorm(grads, 2.5).dispose();
      const norm = clipGradNorm(grads, 1);
      expect(await norm.item()).toBeCloseTo(2.5, 5);
      close(await counted(grads), [0.6, 0, -0.8]);
      norm.dispose();
    }));

  it("is respected when gradients are added up", () =>
    withoutLeaks(async () => {
      const total = new Gradients();
      const first = make();
      clipGradNorm(first, 1).dispose();
      total.add(first);
      expect(await total.scale!.item()).toBeCloseTo(0.2, 6);
      expect(first.scale).toBeNull();
      total.add(make());
      expect(total.scale).toBeNull();
      close(await counted(total), [3.6, 0, -4.8]);
      const mixed = make();
      const clipped = make();
      clipGradNorm(clipped, 1).dispose();
      mixed.add(clipped);
      close(await counted(mixed), [3.6, 0, -4.8]);
    }));

  it("goes with the gradients out of a scope, and is freed with them", () =>
    withoutLeaks(() => {
      const grads = scope(() => {
        const made = make();
        clipGradNorm(made, 1);
        return made;
      });
      expect(grads.scale!.isDisposed).toBe(false);
      grads.dispose();
      expect(grads.scale).toBeNull();
    }));

  it("measures norms whose square does not fit into float32", () =>
    withoutLeaks(async () => {
      const grads = new Gradients([["a", tensor([3e25, -4e25])]]);
      const norm = clipGradNorm(grads, 1);
      expect((await norm.item()) / 5e25).toBeCloseTo(1, 6);
      close(await counted(grads), [0.6, -0.8]);
      norm.dispose();
    }));

  it("refuses a limit that is none, and gradients that are gone", () =>
    withoutLeaks(() => {
      const grads = make();
      for (const bad of [0, -1, NaN])
        expect(() => clipGradNorm(grads, bad)).toThrow(`clipGradNorm: expected a norm above 0, got ${bad}`);
      grads.dispose();
      expect(() => clipGradNorm(grads, 1)).toThrow(
        "clipGradNorm: expected gradients, got none; were they consumed by a step?",
      );
    }));
});
