import { AdamW, ExponentialMovingAverage, StateDictError } from "@tessera/nn";
import { memory, type Parameter, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { freeAll, onHost, randomParameter, takeStep, toyParameters } from "../support/toy-parameters.ts";

const valuesOf = async (tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, number[]>> =>
  new Map([...(await onHost(tensors))].map(([name, { data }]) => [name, [...(data as Float32Array)]]));

onEveryDevice((device) => {
  it("follows its formula from the first weights that it sees, and swaps them in and out", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const optimizer = new AdamW(params, { lr: 0.1 });
      const average = new ExponentialMovingAverage(params, { decay: 0.8 });
      expect(average.stateDict().size).toBe(0);
      expect(() => average.swap()).toThrow(
        "ExponentialMovingAverage.swap: expected means, weight has none; call update() first",
      );
      let want: Map<string, number[]> | null = null;
      for (let step = 0; step < 6; step++) {
        takeStep(optimizer, params, step);
        average.update();
        const now = await valuesOf(params);
        const old: Map<string, number[]> = want ?? now;
        want = new Map(
          [...now].map(([name, p]) => [name, p.map((value, i) => 0.8 * old.get(name)![i]! + 0.2 * value)]),
        );
        const got = await valuesOf(average.stateDict());
        for (const [name, values] of want)
          for (const [i, value] of values.entries()) expect(got.get(name)![i], `${name}[${i}]`).toBeCloseTo(value, 6);
      }
      const [weights, means] = [await onHost(params), await onHost(average.stateDict())];
      average.swap();
      expect(await onHost(params)).toEqual(means);
      expect(() => average.update()).toThrow(/expected a model that holds its own weights/);
      expect(() => average.stateDict()).toThrow(/swap\(\) them back first/);
      average.swap();
      expect(await onHost(params)).toEqual(weights);
      expect(await onHost(average.stateDict())).toEqual(means);
      average.dispose();
      freeAll(optimizer, params);
    }));

  it("goes on bit for bit from its saved state, and its memory stays", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const optimizer = new AdamW(params, { lr: 0.1 });
      const [straight, first, second] = [0, 1, 2].map(() => new ExponentialMovingAverage(params)) as [
        ExponentialMovingAverage,
        ExponentialMovingAverage,
        ExponentialMovingAverage,
      ];
      for (let step = 0; step < 3; step++) {
        takeStep(optimizer, params, step);
        straight.update();
        first.update();
      }
      const before = memory()[device.name]!.bytes;
      second.loadStateDict(await onHost(first.stateDict()));
      first.dispose();
      for (let step = 3; step < 6; step++) {
        takeStep(optimizer, params, step);
        straight.update();
        second.update();
      }
      expect(memory()[device.name]!.bytes).toBe(before);
      expect(await onHost(second.stateDict())).toEqual(await onHost(straight.stateDict()));
      const wrong = new Map(await onHost(straight.stateDict()));
      wrong.delete("bias");
      wrong.set("gone", wrong.get("weight")!);
      expect(() => second.loadStateDict(wrong)).toThrow(StateDictError);
      expect(() => second.loadStateDict(wrong)).toThrow(/1 missing: bias; 1 unexpected: gone/);
      expect(await onHost(second.stateDict())).toEqual(await onHost(straight.stateDict()));
      straight.dispose();
      second.dispose();
      freeAll(optimizer, params);
    }));

  it("follows blocks that move, and other parameters in the place of some", () =>
    withoutLeaks(async () => {
      const values = randomParameter(device, [3, 2], 1);
      const average = new ExponentialMovingAverage(new Map([["values", values]]), { decay: 0.5 });
      average.update();
      const old = [...(await values.data())];
      const grown = randomParameter(device, [4, 2], 2);
      average.reindex(values, grown, [2, -1, 0, 0]);
      values.dispose();
      const want = [...old.slice(4), 0, 0, ...old.slice(0, 2), ...old.slice(0, 2)];
      expect([...(await average.stateDict().get("values")!.data())]).toEqual(want);
      average.update();
      const now = await grown.data();
      for (const [i, got] of (await average.stateDict().get("values")!.data()).entries())
        expect(got).toBeCloseTo((want[i]! + now[i]!) / 2, 6);
      const other = randomParameter(device, [2, 2], 3);
      expect(() => average.replace(grown, ["w", other])).toThrow(
        "ExponentialMovingAverage.replace: expected a mean of shape [2, 2] for w, got [4, 2]",
      );
      expect(() => average.reindex(other, other, [0])).toThrow(/expected a parameter that is averaged here/);
      average.replace(grown, ["w", other], () => null);
      grown.dispose();
      average.update();
      expect(await average.stateDict().get("w")!.data()).toEqual(await other.data());
      other.dispose();
      expect(() => average.update()).toThrow(/expected the parameters of the model, w was freed/);
      average.dispose();
    }));

  it("refuses a decay outside 0 to 1, and no parameters", () =>
    withoutLeaks(() => {
      const params = new Map<string, Parameter>([["p", randomParameter(device, [2], 1)]]);
      expect(() => new ExponentialMovingAverage(params, { decay: 1.1 })).toThrow(
        /expected a decay from 0 to 1, got 1.1/,
      );
      expect(() => new ExponentialMovingAverage(new Map())).toThrow(/expected at least one parameter, got none/);
      for (const one of params.values()) one.dispose();
    }));
});
