import { valueAndGrad } from "@tessera/autograd";
import { RobertaForMaskedLM, RobertaModel } from "@tessera/models";
import { cpu, Generator, manualSeed, scope, tensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { tinyConfig } from "./tiny-model.ts";

const ids = (rows: readonly (readonly number[])[]): Tensor =>
  tensor(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
const batch = () => ({
  inputIds: ids([
    [0, 7, 8, 9, 10, 11, 12, 13, 14, 2],
    [0, 7, 2, 1, 1, 1, 1, 1, 1, 1],
  ]),
  attentionMask: ids([
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
  ]),
});
const configs = [0, 0.3].map((attentionProbsDropoutProb) =>
  tinyConfig({ hiddenDropoutProb: 0, attentionProbsDropoutProb }),
);
const seeded = () => ({ generator: new Generator(11) });

describe.each(configs)("with attention's dropout at $attentionProbsDropoutProb", (config) => {
  it("changes no bit of a token's state, and those of padding", () => {
    using model = new RobertaModel(config, seeded());
    scope((): void => {
      const [all, skipped] = [false, true].map((skipPaddedQueries) => {
        manualSeed(3);
        return model.forward({ ...batch(), skipPaddedQueries }).lastHiddenState.dataSync();
      });
      const tokens = 13 * config.hiddenSize;
      expect(skipped!.subarray(0, tokens)).toEqual(all!.subarray(0, tokens));
      for (let i = 13; i < 20; i++) {
        const row = [i * config.hiddenSize, (i + 1) * config.hiddenSize] as const;
        expect(skipped!.subarray(...row)).not.toEqual(all!.subarray(...row));
      }
    });
  });

  it("changes no bit of the gradients of a loss on tokens", () => {
    using model = new RobertaForMaskedLM(config, seeded());
    const differentiate = valueAndGrad(model, (skipPaddedQueries: boolean) => {
      manualSeed(3);
      const labels = tensor(new Int32Array([8, 12, 7]), [3]);
      const labelPositions = tensor(new Int32Array([2, 6, 11]), [3]);
      return model.forward({ ...batch(), labels, labelPositions, skipPaddedQueries }).loss!;
    });
    scope((): void => {
      const { reference: before } = cpu.launches;
      const [all, skipped] = [differentiate(false), differentiate(true)];
      expect(skipped.value.itemSync()).toBe(all.value.itemSync());
      for (const [name, gradient] of skipped.grads)
        // −0 = 0: what padding adds to a sum is 0.
        expect(
          [...gradient.dataSync()].map((x) => x + 0),
          name,
        ).toEqual([...all.grads.get(name)!.dataSync()].map((x) => x + 0));
      expect(cpu.launches.reference).toBe(before);
    });
  });
});
