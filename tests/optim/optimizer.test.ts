import { Gradients } from "@tessera/autograd";
import {
  Adafactor,
  Adam,
  AdamW,
  clipGradNorm,
  Lion,
  partitionParameters,
  RMSprop,
  SGD,
  StateDictError,
  type Optimizer,
  type OptimizerState,
} from "@tessera/nn";
import { memory, scope, tensor, zeros, Parameter, type HostTensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { freeAll, onHost, takeStep, toyGradients, toyParameters } from "../support/toy-parameters.ts";

onEveryDevice((device) => {
  const kinds: { readonly [name: string]: (params: ReadonlyMap<string, Parameter>) => Optimizer } = {
    SGD: (params) => new SGD(params, { lr: 0.1 }),
    "SGD with momentum": (params) => new SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.1, weightDecay: 0.01 }),
    Adam: (params) => new Adam(params, { lr: 0.01, weightDecay: 0.1 }),
    AdamW: (params) => new AdamW(params, { lr: 0.01 }),
    RMSprop: (params) => new RMSprop(params, { lr: 0.01, momentum: 0.9, centered: true, weightDecay: 0.1 }),
    Adafactor: (params) => new Adafactor(params, { weightDecay: 0.1 }),
    Lion: (params) => new Lion(params, { lr: 0.01, weightDecay: 0.1 }),
  };

  describe.each(Object.entries(kinds))("%s", (_, make) => {
    it("goes on bit for bit from its saved state", () =>
      withoutLeaks(async () => {
        const [whole, interrupted] = [toyParameters(device), toyParameters(device)];
        const straight = make(whole);
        for (let step = 0; step < 8; step++) {
          if (step === 5) straight.groups[0]!.lr = 0.02;
          takeStep(straight, whole, step);
        }
        const first = make(interrupted);
        for (let step = 0; step < 6; step++) {
          if (step === 5) first.groups[0]!.lr = 0.02;
          takeStep(first, interrupted, step);
        }
        const { groups, tensors } = first.stateDict();
        const saved = { groups: JSON.parse(JSON.stringify(groups)) as typeof groups, tensors: await onHost(tensors) };
        first.dispose();
        const second = make(interrupted);
        second.loadStateDict(saved);
        expect(second.groups[0]!.lr).toBe(0.02);
        for (let step = 6; step < 8; step++) takeStep(second, interrupted, step);
        expect(await onHost(interrupted)).toEqual(await onHost(whole));
        expect(await onHost(second.stateDict().tensors)).toEqual(await onHost(straight.stateDict().tensors));
        freeAll(straight, whole);
        freeAll(second, interrupted);
      }));

    it.each([NaN, Infinity, -Infinity])("changes nothing when a gradient is %s, clipped or not, and counts it", (bad) =>
      withoutLeaks(async () => {
        const params = toyParameters(device);
        const optimizer = make(params);
        for (const clip of [false, true]) {
          takeStep(optimizer, params, 1);
          const before = { params: await onHost(params), state: await onHost(optimizer.stateDict().tensors) };
          scope((): void => {
            const grads = toyGradients(params, 2);
            const spoilt = new Gradients(
              [...grads].map(([name, x]) => [name, name === "bias" ? x.mul(tensor([1, 1, 1, bad, 1, 1, 1])) : x]),
            );
            if (clip) clipGradNorm(spoilt, 1);
            optimizer.step(spoilt);
          });
          before.state.set("skippedSteps", { shape: [], dtype: "int32", data: Int32Array.of(clip ? 2 : 1) });
          expect(await onHost(params)).toEqual(before.params);
          expect(await onHost(optimizer.stateDict().tensors)).toEqual(before.state);
        }
        expect(await optimizer.skippedSteps()).toBe(2);
        freeAll(optimizer, params);
      }),
    );

    it("consumes the gradients and keeps its memory constant from the first step on", () =>
      withoutLeaks(() => {
        const params = toyParameters(device);
        const optimizer = make(params);
        const counts = () => [memory()[device.name]!.tensors, memory()[device.name]!.bytes];
        takeStep(optimizer, params, 0);
        const after = counts();
        for (let step = 1; step < 20; step++) {
          const grads = toyGradients(params, step);
          const held = [...grads.values()];
          optimizer.step(grads);
          expect(held.every((gradient) => gradient.isDisposed)).toBe(true);
          expect(grads.size).toBe(0);
        }
        expect(counts()).toEqual(after);
        freeAll(optimizer, params);
      }));

    it("gives a parameter that begins later a count of its own", () =>
      withoutLeaks(async () => {
        const [mixed, alone] = [toyParameters(device), toyParameters(device)];
        const both = make(mixed);
        const late = mixed.get("bias")!;
        late.trainable = false;
        const early = new Map([...mixed].filter(([name]) => name !== "bias"));
        for (let step = 0; step < 3; step++) takeStep(both, early, step);
        expect(both.stateDict().tensors.has("bias.step")).toBe(false);
        expect(await late.data()).toEqual(await alone.get("bias")!.data());
        late.trainable = true;
        const single = make(new Map([["bias", alone.get("bias")!]]));
        const same = (step: number): Gradients => new Gradients([["bias", normal(7).make(5000 + step, device)]]);
        for (let step = 0; step < 3; step++) {
          scope((): void => {
            const grads = toyGradients(early, step);
            both.step(new Gradients([...grads, ...same(step)]));
            single.step(same(step));
          });
        }
        expect(await late.data()).toEqual(await alone.get("bias")!.data());
        expect(await both.stateDict().tensors.get("bias.step")!.item()).toBe(3);
        expect(await both.stateDict().tensors.get("weight.step")!.item()).toBe(6);
        freeAll(both, mixed);
        freeAll(single, alone);
      }));
  });

  it.each([
    ["Adam adds the decay to the gradient", false],
    ["AdamW shrinks the parameter beside it", true],
  ] as const)("%s", (_, decoupled) =>
    withoutLeaks(async () => {
      const [lr, beta1, beta2, eps, decay] = [0.1, 0.8, 0.9, 1e-3, 0.3];
      const p = new Parameter(tensor([1.5, -2]));
      const kind = decoupled ? AdamW : Adam;
      const optimizer = new kind(new Map([["p", p]]), { lr, betas: [beta1, beta2], eps, weightDecay: decay });
      // The same in float64, element by element.
      const want = [1.5, -2];
      const [m, v] = [
        [0, 0],
        [0, 0],
      ];
      for (let t = 1; t <= 4; t++) {
        const gradient = [0.5 * t, 1 - t];
        scope((): void => optimizer.step(new Gradients([["p", tensor(gradient)]])));
        for (const i of [0, 1]) {
          const g = gradient[i]! + (decoupled ? 0 : decay * want[i]!);
          m[i] = beta1 * m[i]! + (1 - beta1) * g;
          v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
          const step = m[i] / (1 - beta1 ** t) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + eps);
          want[i] = want[i]! * (decoupled ? 1 - lr * decay : 1) - lr * step;
        }
        for (const [i, got] of (await p.data()).entries())
          expect(got, `element ${i} after step ${t}`).toBeCloseTo(want[i]!, 5);
      }
      optimizer.dispose();
      p.dispose();
    }),
  );

  it("updates all parameters that began together in one launch, also after loading", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const storages = (optimizer: Optimizer) =>
        new Set([...optimizer.stateDict().tensors].flatMap(([name, x]) => (name.endsWith(".step") ? [x.storage] : [])))
          .size;
      const first = new AdamW(params);
      takeStep(first, params, 0);
      expect(storages(first)).toBe(1);
      const second = new AdamW(params);
      second.loadStateDict({ groups: first.stateDict().groups, tensors: await onHost(first.stateDict().tensors) });
      expect(storages(second)).toBe(1);
      second.loadStateDict(first.stateDict());
      expect(storages(second)).toBe(1);
      first.dispose();
      freeAll(second, params);
    }));

  it("has groups with options of their own, and reads them at every step", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const start = await onHost(params);
      const [bare, decayed] = partitionParameters(params, /bias|scale/);
      expect([...bare.keys(), ...decayed.keys()]).toEqual(["bias", "scale", "weight"]);
      const optimizer = new SGD([{ params: decayed }, { params: bare, weightDecay: 0, lr: 0.5 }], {
        lr: 0.1,
        weightDecay: 0.5,
      });
      const still = new Gradients([...params].map(([name, { shape }]) => [name, zeros(shape)]));
      optimizer.step(still);
      for (const [i, value] of (await params.get("weight")!.data()).entries())
        expect(value).toBeCloseTo(start.get("weight")!.data[i]! * (1 - 0.1 * 0.5), 6);
      expect(await params.get("bias")!.data()).toEqual(start.get("bias")!.data);
      const before = await params.get("bias")!.data();
      optimizer.groups[1]!.lr = 2;
      const ones = new Gradients([...params].map(([name, { shape }]) => [name, zeros(shape)]));
      scope((): void => optimizer.step(new Gradients([...ones].map(([name, x]) => [name, x.add(1)]))));
      for (const [i, value] of (await params.get("bias")!.data()).entries())
        expect(value).toBeCloseTo(before[i]! - 2, 5);
      ones.dispose();
      freeAll(optimizer, params);
    }));

  it("refuses gradients of other parameters, with their names, and changes nothing", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const optimizer = new AdamW(params);
      const start = await onHost(params);
      const grads = new Gradients([
        ["bias", zeros([7])],
        ["weight", zeros([5, 3])],
        ["fc.values", zeros([2])],
      ]);
      expect(() => optimizer.step(grads)).toThrow(
        "AdamW.step: expected the gradients of its trainable parameters, missing: scale; unexpected: fc.values; misshapen: weight (expected [3, 5], got [5, 3]); replace() parameters that the model has changed",
      );
      expect(await onHost(params)).toEqual(start);
      expect(grads.size).toBe(3);
      params.get("weight")!.trainable = false;
      params.get("scale")!.trainable = false;
      expect(() => optimizer.step(grads)).toThrow(/unexpected: weight, fc\.values;/);
      grads.dispose();
      freeAll(optimizer, params);
    }));

  it("refuses no parameters, a parameter twice, and options outside their domain", () =>
    withoutLeaks(() => {
      const params = toyParameters(device);
      const [weight] = params.values();
      expect(() => new AdamW(new Map())).toThrow(
        "AdamW: expected at least one parameter, got none; pass model.namedParameters()",
      );
      expect(() => new Adam([{ params }, { params: new Map([["again", weight!]]) }])).toThrow(
        /Adam: expected every parameter once, got weight and again for one/,
      );
      expect(() => new SGD(params, { lr: -1 })).toThrow(
        "SGD: expected lr, momentum and weightDecay of 0 or more, got -1, 0 and 0",
      );
      expect(() => new SGD(params, { nesterov: true })).toThrow(
        "SGD: nesterov needs a momentum and no dampening, got 0 and 0",
      );
      expect(() => new AdamW(params, { betas: [0.9, 1] })).toThrow(
        "AdamW: expected two betas from 0 up to 1, got 0.9, 1",
      );
      expect(() => new Adam(params, { eps: NaN })).toThrow(/Adam: expected lr, eps and weightDecay of 0 or more/);
      expect(() => partitionParameters(params, /gamma/)).toThrow(
        /gamma\/ matches 0 of 3; they are weight, bias, scale/,
      );
      for (const parameter of params.values()) parameter.dispose();
    }));

  it("refuses the state of other parameters or groups in one error, and stays as it was", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const optimizer = new AdamW(params, { lr: 0.5 });
      takeStep(optimizer, params, 0);
      const { groups, tensors } = optimizer.stateDict();
      const before = await onHost(tensors);
      const wrong = new Map<string, HostTensor>(before);
      wrong.delete("weight.expAvg");
      wrong.set("bias.expAvgSq", { shape: [8], dtype: "float32", data: new Float32Array(8) });
      wrong.set("gone.expAvg", before.get("bias.expAvg")!);
      const names = { ...groups[0]!, lr: 9, params: ["weight", "gone", "bias"] };
      let caught: unknown;
      try {
        optimizer.loadStateDict({ groups: [names], tensors: wrong });
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(StateDictError);
      expect((caught as Error).message).toBe(
        "AdamW.loadStateDict: expected the state of an optimiser of the same parameters and groups; this one is unchanged; " +
          "2 missing: scale, weight.expAvg; 2 unexpected: gone, gone.expAvg; 1 mismatched: bias.expAvgSq (expected float32 [7], got float32 [8]); " +
          "make the optimiser as it was when the state was saved",
      );
      expect(await onHost(optimizer.stateDict().tensors)).toEqual(before);
      expect(optimizer.groups[0]!.lr).toBe(0.5);
      const [bare, decayed] = partitionParameters(params, /bias/);
      const grouped = new AdamW([{ params: bare }, { params: decayed }]);
      expect(() => grouped.loadStateDict({ groups, tensors })).toThrow(
        /groups \(expected 2, got 1\), weight \(expected in group 1, got group 0\)/,
      );
      const { lr: _, ...rest } = groups[0]!;
      expect(() => optimizer.loadStateDict({ groups: [rest] as unknown as typeof groups, tensors })).toThrow(
        /1 missing: groups\.0\.lr/,
      );
      grouped.dispose();
      freeAll(optimizer, params);
    }));

  it("loads a state without moments for parameters that were never trained", () =>
    withoutLeaks(() => {
      const params = toyParameters(device);
      const optimizer = new AdamW(params);
      const empty = optimizer.stateDict() as OptimizerState<{
        lr: number;
        betas: readonly [number, number];
        eps: number;
        weightDecay: number;
      }>;
      expect(empty.tensors.size).toBe(0);
      takeStep(optimizer, params, 0);
      optimizer.loadStateDict(empty);
      expect(optimizer.stateDict().tensors.size).toBe(0);
      freeAll(optimizer, params);
    }));
});
