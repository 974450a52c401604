import { Linear, ModuleDict, ParameterList } from "@tessera/nn";
import { ArgumentError, ones, Parameter } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

it("ModuleDict names its modules' parameters, and gives them back", () =>
  withoutLeaks(() => {
    const heads = new ModuleDict({ topic: new Linear(8, 4), mood: new Linear(8, 2) });
    expect([...heads.namedParameters().keys()]).toEqual(["topic.weight", "topic.bias", "mood.weight", "mood.bias"]);
    expect([...heads].map(([name, { outFeatures }]) => `${name} ${outFeatures}`)).toEqual(["topic 4", "mood 2"]);
    expect([heads.size, heads.has("mood"), heads.has("forward")]).toEqual([2, true, false]);
    const before = heads.get("mood");
    heads.set("mood", new Linear(8, 3));
    before.dispose();
    expect(heads.get("mood").outFeatures).toBe(3);
    expect(() => heads.get("tone")).toThrow(
      new ArgumentError('ModuleDict: expected one of topic, mood, got "tone"; set it first'),
    );
    for (const name of ["", "a.b", "forward", "training", "size"])
      expect(() => heads.set(name, before)).toThrow(`got "${name}"; take another`);
    expect(() => heads.forward()).toThrow(ArgumentError);
    heads.dispose();
  }));

it("ParameterList numbers its parameters", () =>
  withoutLeaks(() => {
    const scales = new ParameterList([new Parameter(ones([4])), new Parameter(ones([2]))]);
    expect([...scales.namedParameters().keys()]).toEqual(["0", "1"]);
    expect([...scales].map((one) => one.numel())).toEqual([4, 2]);
    expect([scales.length, scales.at(-1).numel(), scales[0]!.numel()]).toEqual([2, 2, 4]);
    expect(() => scales.at(2)).toThrow("ParameterList: expected an index from -2 to 1, got 2");
    expect(() => scales.forward()).toThrow(ArgumentError);
    scales.dispose();
  }));
