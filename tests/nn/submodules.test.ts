import { GELU, Linear, ModuleList } from "@tessera/nn";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { Block, Encoder, freeEncoder } from "../support/toy-encoder.ts";

describe("getSubmodule and setSubmodule", () => {
  it("find and replace a module by its path, in lists too", () =>
    withoutLeaks(() => {
      const encoder = new Encoder();
      expect(encoder.getSubmodule("")).toBe(encoder);
      expect(encoder.getSubmodule("layer.1.dense")).toBe(encoder.layer.at(1).dense);
      encoder.eval();
      const replacement = new Linear(4, 4, { bias: false });
      const old = encoder.setSubmodule("layer.1.dense", replacement);
      expect(encoder.layer.at(1).dense).toBe(replacement);
      expect(replacement.training).toBe(false);
      expect([...encoder.namedParameters().keys()].at(-1)).toBe("layer.1.dense.weight");
      old.dispose();
      const block = new Block();
      encoder.setSubmodule("layer.0", block).dispose();
      expect(encoder.layer[0]).toBe(block);
      freeEncoder(encoder);
    }));

  it("say what is there when a path is wrong", () =>
    withoutLeaks(() => {
      const encoder = new Encoder();
      expect(() => encoder.getSubmodule("layer.2.dense")).toThrow(
        'getSubmodule: expected a module at "layer.2.dense", "layer" has none called "2"; it has 0, 1',
      );
      expect(() => encoder.getSubmodule("scale")).toThrow(
        'getSubmodule: expected a module at "scale", Encoder has none called "scale"; it has layer',
      );
      expect(() => encoder.setSubmodule("layer.0.dense.weight", new GELU())).toThrow(
        /"layer\.0\.dense" has none called "weight"; it has none at all/,
      );
      expect(() => encoder.setSubmodule("", new GELU())).toThrow(
        /setSubmodule: expected the path of a module below this one, got the empty path/,
      );
      freeEncoder(encoder);
    }));
});

describe("ModuleList and Sequential", () => {
  it("count, index from both ends, append and iterate", () =>
    withoutLeaks(() => {
      const list = new ModuleList([new GELU(), new GELU({ approximate: "tanh" })]);
      expect(list.length).toBe(2);
      expect(list.at(-1)).toBe(list[1]);
      list.append(new GELU());
      expect([...list]).toEqual([list[0], list[1], list[2]]);
      expect(() => list.at(3)).toThrow("ModuleList: expected an index from -3 to 2, got 3");
      expect(() => list.forward()).toThrow(/ModuleList: expected calls of the modules in it/);
    }));
});
