import { Gradients } from "@tessera/autograd";
import { Adam, AdamW, clipGradNorm, partitionParameters, SGD, StateDictError, type Optimizer, type OptimizerState } from "@tessera/nn";
import { memory, Parameter, scope, tensor, zeros, type HostTensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const shapes: { readonly [name: string]: readonly number[] } = { weight: [3, 5], bias: [7], scale: [] };

onEveryDevice((device) => {
  const randomParameter = (shape: readonly number[], seed: number): Parameter => new Parameter(normal(...shape).make(seed, device));
  const parameters = (): Map<string, Parameter> =>
    new Map(Object.entries(shapes).map(([name, shape], i) => [name, randomParameter(shape, i + 1)]));
  const gradients = (params: ReadonlyMap<string, Parameter>, step: number): Gradients =>
    new Gradients([...params].map(([name, { shape }], i) => [name, normal(...shape).make(1000 * step + i, device)]));
  const take = (optimizer: Optimizer, params: ReadonlyMap<string, Parameter>, step: number): void =>
    scope((): void => optimizer.step(gradients(params, step)));
  const hostOf = (tensors: ReadonlyMap<string, Tensor>): Map<string, HostTensor> =>
    new Map([...tensors].map(([name, x]) => [name, { shape: x.shape, dtype: x.dtype, data: x.dataSync() }]));
  const free = (optimizer: Optimizer, params: ReadonlyMap<string, Parameter>): void => {
    optimizer.dispose();
    for (const parameter of params.values()) parameter.dispose();
  };

  const kinds: { readonly [name: string]: (params: ReadonlyMap<string, Parameter>) => Optimizer } = {
    "SGD": (params) => new SGD(params, { lr: 0.1 }),
    "SGD with momentum": (params) => new SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.1, weightDecay: 0.01 }),
    "Adam": (params) => new Adam(params, { lr: 0.01, weightDecay: 0.1 }),
    "AdamW": (params) => new AdamW(params, { lr: 0.01 }),
  };

  describe.each(Object.entries(kinds))("%s", (_, make) => {
    it("goes on bit for bit from its saved state", () =>
      withoutLeaks(() => {
        const [whole, interrupted] = [parameters(), parameters()];
        const straight = make(whole);
        for (let step = 0; step < 8; step++) {
          if (step === 5) straight.groups[0]!.lr = 0.02;
          take(straight, whole, step);
        }
        const first = make(interrupted);
        for (let step = 0; step < 6; step++) {
          if (step === 5) first.groups[0]!.lr = 0.02;
          take(first, interrupted, step);
        }
        const { groups, tensors } = first.stateDict();
        const saved = { groups: JSON.parse(JSON.stringify(groups)) as typeof groups, tensors: hostOf(tensors) };
        first.dispose();
        const second = make(interrupted);
        second.loadStateDict(saved);
        expect(second.groups[0]!.lr).toBe(0.02);
        for (let step = 6; step < 8; step++) take(second, interrupted, step);
        expect(hostOf(interrupted)).toEqual(hostOf(whole));
        expect(hostOf(second.stateDict().tensors)).toEqual(hostOf(straight.stateDict().tensors));
        free(straight, whole);
        free(second, interrupted);
      }));

    it.each([NaN, Infinity, -Infinity])("changes nothing when a gradient is %s, clipped or not, and counts it", (bad) =>
      withoutLeaks(async () => {
        const params = parameters();
        const optimizer = make(params);
        for (const clip of [false, true]) {
          take(optimizer, params, 1);
          const before = { params: hostOf(params), state: hostOf(optimizer.stateDict().tensors) };
          scope((): void => {
            const grads = gradients(params, 2);
            const spoilt = new Gradients([...grads].map(([name, x]) => [name, name === "bias" ? x.mul(tensor([1, 1, 1, bad, 1, 1, 1])) : x]));
            if (clip) clipGradNorm(spoilt, 1);
            optimizer.step(spoilt);
          });
          before.state.set("skippedSteps", { shape: [], dtype: "int32", data: Int32Array.of(clip ? 2 : 1) });
          expect(hostOf(params)).toEqual(before.params);
          expect(hostOf(optimizer.stateDict().tensors)).toEqual(before.state);
        }
        expect(await optimizer.skippedSteps()).toBe(2);
        free(optimizer, params);
      }),
    );

    it("consumes the gradients and keeps its memory constant from the first step on", () =>
      withoutLeaks(() => {
        const params = parameters();
        const optimizer = make(params);
        const counts = () => [memory()[device.name]!.tensors, memory()[device.name]!.bytes];
        take(optimizer, params, 0);
        const after = counts();
        for (let step = 1; step < 20; step++) {
          const grads = gradients(params, step);
          const held = [...grads.values()];
          optimizer.step(grads);
          expect(held.every((gradient) => gradient.isDisposed)).toBe(true);
          expect(grads.size).toBe(0);
        }
        expect(counts()).toEqual(after);
        free(optimizer, params);
      }));

    it("gives a parameter that begins later a count of its own", () =>
      withoutLeaks(() => {
        const [mixed, alone] = [parameters(), parameters()];
        const both = make(mixed);
        const late = mixed.get("bias")!;
        late.trainable = false;
        const early = new Map([...mixed].filter(([name]) => name !== "bias"));
        for (let step = 0; step < 3; step++) take(both, early, step);
        expect(both.stateDict().tensors.has("bias.step")).toBe(false);
        expect(late.dataSync()).toEqual(alone.get("bias")!.dataSync());
        late.trainable = true;
        const single = make(new Map([["bias", alone.get("bias")!]]));
        const same = (step: number): Gradients => new Gradients([["bias", normal(7).make(5000 + step, device)]]);
        for (let step = 0; step < 3; step++) {
          scope((): void => {
            const grads = gradients(early, step);
            both.step(new Gradients([...grads, ...same(step)]));
            single.step(same(step));
          });
        }
        expect(late.dataSync()).toEqual(alone.get("bias")!.dataSync());
        expect(both.stateDict().tensors.get("bias.step")!.itemSync()).toBe(3);
        expect(both.stateDict().tensors.get("weight.step")!.itemSync()).toBe(6);
        free(both, mixed);
        free(single, alone);
      }));
  });

  it("updates all parameters that began together in one launch, also after loading", () =>
    withoutLeaks(() => {
      const params = parameters();
      const storages = (optimizer: Optimizer) => new Set([...optimizer.stateDict().tensors].flatMap(([name, x]) => (name.endsWith(".step") ? [x.storage] : []))).size;
      const first = new AdamW(params);
      take(first, params, 0);
      expect(storages(first)).toBe(1);
      const second = new AdamW(params);
      second.loadStateDict({ groups: first.stateDict().groups, tensors: hostOf(first.stateDict().tensors) });
      expect(storages(second)).toBe(1);
      second.loadStateDict(first.stateDict());
      expect(storages(second)).toBe(1);
      first.dispose();
      free(second, params);
    }));

  it("has groups with options of their own, and reads them at every step", () =>
    withoutLeaks(() => {
      const params = parameters();
      const start = hostOf(params);
      const [bare, decayed] = partitionParameters(params, /bias|scale/);
      expect([...bare.keys(), ...decayed.keys()]).toEqual(["bias", "scale", "weight"]);
      const optimizer = new SGD([{ params: decayed }, { params: bare, weightDecay: 0, lr: 0.5 }], { lr: 0.1, weightDecay: 0.5 });
      const still = new Gradients([...params].map(([name, { shape }]) => [name, zeros(shape)]));
      optimizer.step(still);
      for (const [i, value] of params.get("weight")!.dataSync().entries()) expect(value).toBeCloseTo(start.get("weight")!.data[i]! * (1 - 0.1 * 0.5), 6);
      expect(params.get("bias")!.dataSync()).toEqual(start.get("bias")!.data);
      const before = params.get("bias")!.dataSync();
      optimizer.groups[1]!.lr = 2;
      const ones = new Gradients([...params].map(([name, { shape }]) => [name, zeros(shape)]));
      scope((): void => optimizer.step(new Gradients([...ones].map(([name, x]) => [name, x.add(1)]))));
      for (const [i, value] of params.get("bias")!.dataSync().entries()) expect(value).toBeCloseTo(before[i]! - 2, 5);
      ones.dispose();
      free(optimizer, params);
    }));

  it("refuses gradients of other parameters, with their names, and changes nothing", () =>
    withoutLeaks(() => {
      const params = parameters();
      const optimizer = new AdamW(params);
      const start = hostOf(params);
      const grads = new Gradients([["bias", zeros([7])], ["weight", zeros([5, 3])], ["fc.values", zeros([2])]]);
      expect(() => optimizer.step(grads)).toThrow(
        "AdamW.step: expected the gradients of its trainable parameters, missing: scale; unexpected: fc.values; misshapen: weight (expected [3, 5], got [5, 3]); replace() parameters that the model has changed",
      );
      expect(hostOf(params)).toEqual(start);
      expect(grads.size).toBe(3);
      params.get("weight")!.trainable = false;
      params.get("scale")!.trainable = false;
      expect(() => optimizer.step(grads)).toThrow(/unexpected: weight, fc\.values;/);
      grads.dispose();
      free(optimizer, params);
    }));

  it("refuses no parameters, a parameter twice, and options outside their domain", () =>
    withoutLeaks(() => {
      const params = parameters();
      const [weight] = params.values();
      expect(() => new AdamW(new Map())).toThrow("AdamW: expected at least one parameter, got none; pass model.namedParameters()");
      expect(() => new Adam([{ params }, { params: new Map([["again", weight!]]) }])).toThrow(/Adam: expected every parameter once, got weight and again for one/);
      expect(() => new SGD(params, { lr: -1 })).toThrow("SGD: expected lr, momentum and weightDecay of 0 or more, got -1, 0 and 0");
      expect(() => new SGD(params, { nesterov: true })).toThrow("SGD: nesterov needs a momentum and no dampening, got 0 and 0");
      expect(() => new AdamW(params, { betas: [0.9, 1] })).toThrow("AdamW: expected two betas from 0 up to 1, got 0.9, 1");
      expect(() => new Adam(params, { eps: NaN })).toThrow(/Adam: expected lr, eps and weightDecay of 0 or more/);
      expect(() => partitionParameters(params, /gamma/)).toThrow(/gamma\/ matches 0 of 3; they are weight, bias, scale/);
      for (const parameter of params.values()) parameter.dispose();
    }));

  it("refuses the state of other parameters or groups in one error, and stays as it was", () =>
    withoutLeaks(() => {
      const params = parameters();
      const optimizer = new AdamW(params, { lr: 0.5 });
      take(optimizer, params, 0);
      const { groups, tensors } = optimizer.stateDict();
      const before = hostOf(tensors);
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
      expect(hostOf(optimizer.stateDict().tensors)).toEqual(before);
      expect(optimizer.groups[0]!.lr).toBe(0.5);
      const [bare, decayed] = partitionParameters(params, /bias/);
      const grouped = new AdamW([{ params: bare }, { params: decayed }]);
      expect(() => grouped.loadStateDict({ groups, tensors })).toThrow(/groups \(expected 2, got 1\), weight \(expected in group 1, got group 0\)/);
      const { lr: _, ...rest } = groups[0]!;
      expect(() => optimizer.loadStateDict({ groups: [rest] as unknown as typeof groups, tensors })).toThrow(/1 missing: groups\.0\.lr/);
      grouped.dispose();
      free(optimizer, params);
    }));

  it("loads a state without moments for parameters that were never trained", () =>
    withoutLeaks(() => {
      const params = parameters();
      const optimizer = new AdamW(params);
      const empty = optimizer.stateDict() as OptimizerState<{ lr: number; betas: readonly [number, number]; eps: number; weightDecay: number }>;
      expect(empty.tensors.size).toBe(0);
      take(optimizer, params, 0);
      optimizer.loadStateDict(empty);
      expect(optimizer.stateDict().tensors.size).toBe(0);
      free(optimizer, params);
    }));

  describe("replace", () => {
    it("puts a parameter in place of another, with the state that a function makes of the old one", () =>
      withoutLeaks(() => {
        const params = parameters();
        const optimizer = new AdamW(params, { lr: 0.1 });
        take(optimizer, params, 0);
        const old = params.get("weight")!;
        const { tensors } = optimizer.stateDict();
        const moment = tensors.get("weight.expAvg")!.dataSync();
        // The kept half of a weight: its first row.
        const kept = new Parameter(tensor(old.dataSync().slice(0, 5), [1, 5]));
        optimizer.replace(old, ["fc.values", kept], (state) => ({
          step: state.step,
          expAvg: state["expAvg"]!.narrow(0, 0, 1).clone(),
          expAvgSq: state["expAvgSq"]!.narrow(0, 0, 1).clone(),
        }));
        old.dispose();
        const after = optimizer.stateDict();
        expect(after.groups[0]!.params).toEqual(["fc.values", "bias", "scale"]);
        expect(after.tensors.get("fc.values.expAvg")!.dataSync()).toEqual(moment.slice(0, 5));
        expect(after.tensors.get("fc.values.step")!.itemSync()).toBe(1);
        const now = new Map([["fc.values", kept], ...[...params].slice(1)] as [string, Parameter][]);
        take(optimizer, now, 1);
        free(optimizer, now);
      }));

    it("keeps the state as it is for a parameter of the same shape, and starts afresh with null", () =>
      withoutLeaks(() => {
        const params = parameters();
        const optimizer = new SGD(params, { momentum: 0.9 });
        take(optimizer, params, 0);
        const [old, twin] = [params.get("bias")!, randomParameter([7], 77)];
        const buffer = optimizer.stateDict().tensors.get("bias.momentumBuffer");
        optimizer.replace(old, twin);
        expect(optimizer.stateDict().tensors.get("bias.momentumBuffer")).toBe(buffer);
        const grown = randomParameter([9], 78);
        optimizer.replace(twin, grown, () => null);
        expect(optimizer.stateDict().tensors.has("bias.momentumBuffer")).toBe(false);
        const now = new Map(params).set("bias", grown);
        take(optimizer, now, 1);
        expect(optimizer.stateDict().tensors.get("bias.step")!.itemSync()).toBe(1);
        expect(optimizer.stateDict().tensors.get("weight.step")!.itemSync()).toBe(2);
        old.dispose();
        twin.dispose();
        free(optimizer, now);
      }));

    it("refuses what does not fit, and changes nothing", () =>
      withoutLeaks(() => {
        const params = parameters();
        const optimizer = new AdamW(params);
        take(optimizer, params, 0);
        const before = hostOf(optimizer.stateDict().tensors);
        const [weight, other] = [params.get("weight")!, randomParameter([2], 9)];
        expect(() => optimizer.replace(other, weight)).toThrow("AdamW.replace: expected a parameter that is optimised here, got another one of shape [2]");
        expect(() => optimizer.replace(weight, ["bias", other])).toThrow("AdamW.replace: expected a new name and parameter in place of weight, got bias, which is optimised here already");
        expect(() => optimizer.replace(weight, other)).toThrow(
          "AdamW.replace: the state does not fit weight, expAvg (expected float32 [2], got float32 [3, 5]), expAvgSq (expected float32 [2], got float32 [3, 5]); give a function that makes it fit, or () => null to start afresh",
        );
        expect(() => optimizer.replace(weight, other, ({ step }) => ({ step, expAvg: zeros([2]), extra: zeros([1]) }))).toThrow(
          /expAvgSq \(expected float32 \[2\], got nothing\), extra \(expected nothing, got float32 \[1\]\)/,
        );
        expect(hostOf(optimizer.stateDict().tensors)).toEqual(before);
        take(optimizer, params, 1);
        other.dispose();
        free(optimizer, params);
      }));
  });
});
