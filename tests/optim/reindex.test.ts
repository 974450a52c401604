import { AdamW, Optimizer, SGD, type StateSpecs } from "@tessera/nn";
import type { Parameter } from "@tessera/tensor";
import { tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { freeAll, randomParameter, takeStep } from "../support/toy-parameters.ts";

/** An optimiser with a factored second moment, as Adafactor has, and one number for the whole parameter. */
class Factored extends Optimizer {
  protected override stateSpecs({ shape: [n, rows, columns] }: Parameter): StateSpecs {
    return {
      rows: { shape: [n!, rows!], dtype: "float32" },
      columns: { shape: [n!, columns!], dtype: "float32" },
      size: { shape: [], dtype: "float32" },
    };
  }
  protected override update(): void {
    // What counts here is where its state goes.
  }
}

/** Entries along the first dim. */
const entries = (values: ArrayLike<number>, size: number): number[][] =>
  Array.from({ length: values.length / size }, (_, i) => Array.from({ length: size }, (_, j) => values[i * size + j]!));

const sources = [2, -1, 0, 0];

onEveryDevice((device) => {
  it("reindex moves what an optimiser remembers of each entry, and new ones begin at zero", () =>
    withoutLeaks(async () => {
      for (const make of [
        (params: ReadonlyMap<string, Parameter>) => new AdamW(params, { lr: 0.1 }),
        (params: ReadonlyMap<string, Parameter>) => new SGD(params, { lr: 0.1, momentum: 0.9 }),
      ]) {
        const params = new Map([
          ["values", randomParameter(device, [3, 2, 2], 1)],
          ["bias", randomParameter(device, [3], 2)],
        ]);
        const optimizer = make(params);
        takeStep(optimizer, params, 0);
        const moments = ["values.expAvg", "values.expAvgSq", "values.momentumBuffer"];
        const before = new Map<string, number[][]>();
        for (const [name, state] of optimizer.stateDict().tensors)
          if (moments.includes(name)) before.set(name, entries(await state.data(), 4));
        expect(before.size).toBeGreaterThan(0);
        const grown = randomParameter(device, [4, 2, 2], 3);
        optimizer.reindex(params.get("values")!, grown, sources);
        params.get("values")!.dispose();
        const { tensors } = optimizer.stateDict();
        for (const [name, old] of before)
          expect(entries(await tensors.get(name)!.data(), 4)).toEqual([old[2], [0, 0, 0, 0], old[0], old[0]]);
        expect(await tensors.get("values.step")!.item()).toBe(1);
        const now = new Map(params).set("values", grown);
        takeStep(optimizer, now, 1);
        freeAll(optimizer, now);
      }
    }));

  it("reindex moves state of any other shape that has one entry for each, and leaves the rest", () =>
    withoutLeaks(async () => {
      const params = new Map([["values", randomParameter(device, [3, 2, 5], 1)]]);
      const optimizer = new Factored(params, { lr: 1 });
      takeStep(optimizer, params, 0);
      const state = optimizer.stateDict();
      const given = (shape: number[]): ReturnType<typeof tensor> =>
        tensor(
          Float32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, (_, i) => i + 1),
          shape,
        );
      const tensors = new Map([
        ["values.rows", given([3, 2])],
        ["values.columns", given([3, 5])],
        ["values.size", given([])],
        ["values.step", tensor(new Int32Array([4]), [])],
        ["skippedSteps", tensor(new Int32Array([0]), [])],
      ]);
      optimizer.loadStateDict({ ...state, tensors });
      const grown = randomParameter(device, [4, 2, 5], 3);
      optimizer.reindex(params.get("values")!, grown, sources);
      const now = optimizer.stateDict().tensors;
      expect(entries(await now.get("values.rows")!.data(), 2)).toEqual([[5, 6], [0, 0], [1, 2], [1, 2]]); // prettier-ignore
      expect((await now.get("values.columns")!.data()).slice(0, 7)).toEqual(Float32Array.of(11, 12, 13, 14, 15, 0, 0));
      expect([await now.get("values.size")!.item(), await now.get("values.step")!.item()]).toEqual([1, 4]);
      for (const each of [...tensors.values(), grown]) each.dispose();
      freeAll(optimizer, params);
    }));

  it("reindex refuses a parameter of another optimiser", () =>
    withoutLeaks(() => {
      const params = new Map([["values", randomParameter(device, [3, 2], 1)]]);
      const other = randomParameter(device, [2, 2], 2);
      const optimizer = new AdamW(params);
      expect(() => optimizer.reindex(other, other, [0, 1])).toThrow(
        "AdamW.replace: expected a parameter that is optimised here, got another one of shape [2, 2]",
      );
      other.dispose();
      freeAll(optimizer, params);
    }));
});
