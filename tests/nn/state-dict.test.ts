import { BCEWithLogitsLoss, Embedding, Linear, Module, Sequential, StateDictError } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import {
  arange,
  cast,
  cpu,
  ones,
  OutOfMemoryError,
  readSafetensors,
  reference,
  tensor,
  writeSafetensors,
  zeros,
  type HostTensor,
} from "@tessera/tensor";
import { expect, it, vi } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { onHost } from "../support/toy-parameters.ts";

class Net extends Module {
  readonly table = new Embedding(5, 4);
  readonly head = new Linear(4, 5, { weight: this.table.weight });
  readonly seen = this.buffer(tensor(new Int32Array([7])));
  readonly positions = this.buffer(arange(4), { persistent: false });
  readonly loss = new BCEWithLogitsLoss();

  forward(ids: Tensor): Tensor {
    return this.head.forward(this.table.forward(ids));
  }
}

const caught = (call: () => unknown): StateDictError => {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(StateDictError);
    return error as StateDictError;
  }
  throw new Error("nothing was thrown");
};

onEveryDevice((device) => {
  it("holds parameters and persistent buffers, tied weights once", () =>
    withoutLeaks(() => {
      const net = new Net();
      expect([...net.stateDict().keys()]).toEqual(["seen", "table.weight", "head.bias"]);
      expect(net.stateDict().get("table.weight")).toBe(net.table.weight);
      net.dispose();
    }));

  it("goes through a safetensors file into another model", () =>
    withoutLeaks(async () => {
      const [from, into] = [new Net(), new Net()];
      const bytes = writeSafetensors(await onHost(from.stateDict()));
      expect(into.loadStateDict(readSafetensors(bytes).tensors)).toEqual({ missingKeys: [], unexpectedKeys: [] });
      expect(await onHost(into.stateDict())).toEqual(await onHost(from.stateDict()));
      expect(into.head.weight).toBe(into.table.weight);
      expect(into.table.weight.device).toBe(device);
      // Copies: the models do not share memory.
      expect(into.table.weight.storage).not.toBe(from.table.weight.storage);
      from.dispose();
      await into.table.weight.data();
      into.dispose();
    }));

  it("takes tensors of any device, and views", () =>
    withoutLeaks(async () => {
      const layer = new Linear(3, 2, { bias: false });
      for (const source of [cpu, reference]) {
        const base = tensor(
          [
            [1, 2],
            [3, 4],
            [5, source === cpu ? 6 : 7],
          ],
          [3, 2],
          { device: source },
        );
        const view = base.transpose(0, 1);
        layer.loadStateDict(new Map([["weight", view]]));
        expect([...(await layer.weight.data())]).toEqual([1, 3, 5, 2, 4, source === cpu ? 6 : 7]);
        expect(layer.weight.isContiguous()).toBe(true);
        expect(layer.weight.device).toBe(device);
        base.dispose();
        view.dispose();
      }
      layer.dispose();
    }));

  it("refuses host data of another type or length than dtype and shape say, and is unchanged", () =>
    withoutLeaks(async () => {
      const layer = new Linear(2, 2, { bias: false });
      const before = await layer.weight.data();
      const load = (data: unknown) =>
        layer.loadStateDict(new Map([["weight", { shape: [2, 2], dtype: "float32", data: data as Float32Array }]]));
      expect(() => load(new Float64Array(4))).toThrow(
        /weight \(expected a Float32Array of 4 .*, got Float64Array of 4\)/,
      );
      expect(() => load(new Float32Array(2))).toThrow(/got Float32Array of 2/);
      expect(() => load([1, 2, 3, 4])).toThrow(/got Array/);
      expect(() => layer.loadStateDict(new Map([["weight", null as unknown as Tensor]]))).toThrow(
        /float32 \[2, 2\], got null/,
      );
      expect(await layer.weight.data()).toEqual(before);
      layer.dispose();
    }));

  it("takes a tied weight under any of its paths, or under several that agree", () =>
    withoutLeaks(async () => {
      const net = new Net();
      const state = await onHost(net.stateDict());
      const weight = {
        shape: [5, 4],
        dtype: "float32",
        data: Float32Array.from({ length: 20 }, (_, i) => i - 10),
      } as const;
      state.delete("table.weight");
      net.loadStateDict(new Map([...state, ["head.weight", weight]]));
      expect(await net.table.weight.data()).toEqual(weight.data);
      net.loadStateDict(
        new Map([...state, ["head.weight", weight], ["table.weight", { ...weight, data: weight.data.slice() }]]),
      );
      const other = { ...weight, data: weight.data.map((x) => x + 1) };
      const error = caught(() =>
        net.loadStateDict(new Map([...state, ["head.weight", other], ["table.weight", weight]])),
      );
      expect(error.message).toContain(
        "1 mismatched: head.weight (expected the values of table.weight, with which the model shares it, got others)",
      );
      expect(await net.table.weight.data()).toEqual(weight.data);
      net.dispose();
    }));

  it("is one error that lists every missing, unexpected and mismatched key, and leaves the model unchanged", () =>
    withoutLeaks(async () => {
      const model = new Sequential(new Linear(2, 3), new Linear(3, 1));
      const before = await onHost(model.stateDict());
      const good = await onHost(model.stateDict());
      good.get("0.weight")!.data.fill(9);
      const state = new Map<string, HostTensor>([
        ["0.weight", good.get("0.weight")!],
        ["0.bias", { shape: [1, 3], dtype: "float32", data: new Float32Array(3) }],
        ["1.bias", { shape: [1], dtype: "int32", data: new Int32Array(1) }],
        ["1.scale", good.get("1.bias")!],
        ["2.weight", good.get("1.bias")!],
      ]);
      const error = caught(() => model.loadStateDict(state));
      expect(error.message).toBe(
        "loadStateDict: expected the keys and shapes of the model, which is unchanged; 1 missing: 1.weight; 2 unexpected: 1.scale, 2.weight; " +
          "2 mismatched: 0.bias (expected float32 [3], got float32 [1, 3]), 1.bias (expected float32 [1], got int32 [1]); " +
          "is it the checkpoint of another configuration?",
      );
      expect(error.missingKeys).toEqual(["1.weight"]);
      expect(error.unexpectedKeys).toEqual(["1.scale", "2.weight"]);
      expect(error.mismatches).toHaveLength(2);
      expect(await onHost(model.stateDict())).toEqual(before);
      model.dispose();
    }));

  it("with strict: false loads what is there, reports the rest, and still refuses wrong shapes", () =>
    withoutLeaks(async () => {
      const layer = new Linear(2, 1);
      const bias = { shape: [1], dtype: "float32", data: new Float32Array([5]) } as const;
      expect(
        layer.loadStateDict(
          new Map([
            ["bias", bias],
            ["extra", bias],
          ]),
          { strict: false },
        ),
      ).toEqual({ missingKeys: ["weight"], unexpectedKeys: ["extra"] });
      expect(await layer.bias!.item()).toBe(5);
      expect(() => layer.loadStateDict(new Map([["weight", bias]]), { strict: false })).toThrow(
        /1 mismatched: weight \(expected float32 \[1, 2\], got float32 \[1\]\)/,
      );
      expect(() => layer.loadStateDict(new Map([["bias", bias]]))).toThrow(
        /1 missing: weight; \{ strict: false \} loads what is there/,
      );
      layer.dispose();
    }));

  it("refuses a tensor that was freed", () =>
    withoutLeaks(() => {
      const layer = new Linear(2, 1, { bias: false });
      const freed = zeros([1, 2]);
      freed.dispose();
      expect(() => layer.loadStateDict(new Map([["weight", freed]]))).toThrow(
        /weight \(expected float32 \[1, 2\], got a tensor that was freed\)/,
      );
      layer.dispose();
    }));

  it("puts a loaded buffer into its property, where it stays a buffer", () =>
    withoutLeaks(async () => {
      const net = new Net();
      const state = await onHost(net.stateDict());
      net.loadStateDict(new Map([...state, ["seen", { shape: [1], dtype: "int32", data: new Int32Array([8]) }]]));
      expect(await net.seen.item()).toBe(8);
      expect([...net.namedBuffers().keys()]).toEqual(["seen", "positions"]);
      net.dispose();
    }));

  it("is unchanged when memory runs out halfway", () =>
    withoutLeaks(async () => {
      const model = new Sequential(new Linear(2, 2, { bias: false }), new Linear(2, 2, { bias: false }));
      const before = await onHost(model.stateDict());
      const state = new Map([
        ["0.weight", ones([2, 2])],
        ["1.weight", ones([2, 2])],
      ]);
      const first = device.alloc("float32", 4);
      const alloc = vi
        .spyOn(device, "alloc")
        .mockReturnValueOnce(first)
        .mockImplementationOnce(() => {
          throw new OutOfMemoryError("no room");
        });
      expect(() => model.loadStateDict(state)).toThrow("no room");
      expect(alloc).toHaveBeenCalledTimes(2);
      alloc.mockRestore();
      expect(await onHost(model.stateDict())).toEqual(before);
      for (const x of state.values()) x.dispose();
      model.dispose();
    }));

  it("keeps bool and int32 buffers in their dtype", () =>
    withoutLeaks(async () => {
      class Flags extends Module {
        readonly on: Tensor;
        constructor() {
          super();
          const ints = tensor(new Int32Array([0, 2]));
          this.on = this.buffer(cast(ints, "bool"));
          ints.dispose();
        }
        forward(): void {}
      }
      const flags = new Flags();
      flags.loadStateDict(new Map([["on", { shape: [2], dtype: "bool", data: new Uint8Array([1, 0]) }]]));
      expect([...(await flags.on.data())]).toEqual([1, 0]);
      expect(flags.on.dtype).toBe("bool");
      flags.dispose();
    }));
});
