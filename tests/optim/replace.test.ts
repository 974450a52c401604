import { AdamW, SGD } from "@tessera/nn";
import { Parameter, tensor, zeros } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { freeAll, onHost, randomParameter, takeStep, toyParameters } from "../support/toy-parameters.ts";

onEveryDevice((device) => {
  it("replace puts a parameter in place of another, with the state that a function makes of the old one", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const optimizer = new AdamW(params, { lr: 0.1 });
      takeStep(optimizer, params, 0);
      const old = params.get("weight")!;
      const { tensors } = optimizer.stateDict();
      const moment = await tensors.get("weight.expAvg")!.data();
      // The kept half of a weight: its first row.
      const kept = new Parameter(tensor((await old.data()).slice(0, 5), [1, 5]));
      optimizer.replace(old, ["fc.values", kept], (state) => ({
        step: state.step,
        expAvg: state["expAvg"]!.narrow(0, 0, 1).clone(),
        expAvgSq: state["expAvgSq"]!.narrow(0, 0, 1).clone(),
      }));
      old.dispose();
      const after = optimizer.stateDict();
      expect(after.groups[0]!.params).toEqual(["fc.values", "bias", "scale"]);
      expect(await after.tensors.get("fc.values.expAvg")!.data()).toEqual(moment.slice(0, 5));
      expect(await after.tensors.get("fc.values.step")!.item()).toBe(1);
      const now = new Map([["fc.values", kept], ...[...params].slice(1)] as [string, Parameter][]);
      takeStep(optimizer, now, 1);
      freeAll(optimizer, now);
    }));

  it("replace keeps the state as it is for a parameter of the same shape, and starts afresh with null", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const optimizer = new SGD(params, { momentum: 0.9 });
      takeStep(optimizer, params, 0);
      const [old, twin] = [params.get("bias")!, randomParameter(device, [7], 77)];
      const buffer = optimizer.stateDict().tensors.get("bias.momentumBuffer");
      optimizer.replace(old, twin);
      expect(optimizer.stateDict().tensors.get("bias.momentumBuffer")).toBe(buffer);
      const grown = randomParameter(device, [9], 78);
      optimizer.replace(twin, grown, () => null);
      expect(optimizer.stateDict().tensors.has("bias.momentumBuffer")).toBe(false);
      const now = new Map(params).set("bias", grown);
      takeStep(optimizer, now, 1);
      expect(await optimizer.stateDict().tensors.get("bias.step")!.item()).toBe(1);
      expect(await optimizer.stateDict().tensors.get("weight.step")!.item()).toBe(2);
      old.dispose();
      twin.dispose();
      freeAll(optimizer, now);
    }));

  it("replace refuses what does not fit, and changes nothing", () =>
    withoutLeaks(async () => {
      const params = toyParameters(device);
      const optimizer = new AdamW(params);
      takeStep(optimizer, params, 0);
      const before = await onHost(optimizer.stateDict().tensors);
      const [weight, other] = [params.get("weight")!, randomParameter(device, [2], 9)];
      expect(() => optimizer.replace(other, weight)).toThrow(
        "AdamW.replace: expected a parameter that is optimised here, got another one of shape [2]",
      );
      expect(() => optimizer.replace(weight, ["bias", other])).toThrow(
        "AdamW.replace: expected a new name and parameter in place of weight, got bias, which is optimised here already",
      );
      expect(() => optimizer.replace(weight, other)).toThrow(
        "AdamW.replace: the state does not fit weight, expAvg (expected float32 [2], got float32 [3, 5]), expAvgSq (expected float32 [2], got float32 [3, 5]); give a function that makes it fit, or () => null to start afresh",
      );
      expect(() =>
        optimizer.replace(weight, other, ({ step }) => ({ step, expAvg: zeros([2]), extra: zeros([1]) })),
      ).toThrow(/expAvgSq \(expected float32 \[2\], got nothing\), extra \(expected nothing, got float32 \[1\]\)/);
      expect(await onHost(optimizer.stateDict().tensors)).toEqual(before);
      takeStep(optimizer, params, 1);
      other.dispose();
      freeAll(optimizer, params);
    }));
});
