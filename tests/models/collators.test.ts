import {
  BatchSampler,
  classificationBatches,
  ClassificationCollator,
  maskedLMBatches,
  type EncodedExample,
  type MaskedLMInputs,
} from "@tessera/models";
import { scope, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyBatches, tinyBlocks, tinyCollator } from "./tiny-model.ts";

const values = (x: Tensor | undefined): number[] | undefined => x && [...x.dataSync()];
const host = ({ inputIds, labels, labelPositions, attentionMask }: MaskedLMInputs) =>
  [inputIds, labels, labelPositions, attentionMask].map(values);

it("masked batches have the labels of their positions, and no mask where nothing is padding", () =>
  withoutLeaks(() => {
    scope((): void => {
      const { inputs, tokens } = tinyBatches().next();
      expect(inputs.inputIds.shape).toEqual([4, 12]);
      expect(inputs.inputIds.dtype).toBe("int32");
      expect(inputs.attentionMask).toBeUndefined();
      // 4 texts, ⌈0.3 · 12⌉ places each.
      expect(inputs.labelPositions!.shape).toEqual([16]);
      expect(tokens).toBe(48);
      const [ids, labels, positions] = host(inputs) as [number[], number[], number[]];
      const masked = positions.filter((_, i) => labels[i] !== -100);
      expect(masked.length).toBeGreaterThan(4);
      expect(masked.filter((position) => ids[position] === 4).length).toBeGreaterThan(masked.length / 2);
    });
  }));

it("masks are new in every batch and every epoch, and follow from the state", () => {
  scope((): void => {
    // One block over and over: whatever differs is the mask.
    const blocks = tinyBlocks(1);
    const make = () =>
      maskedLMBatches({
        blocks,
        sampler: new BatchSampler({ size: 1, batchSize: 1, seed: 1 }),
        collator: tinyCollator(),
        seed: 1,
      });
    const batches = make();
    const states: unknown[] = [];
    const drawn = Array.from({ length: 6 }, () => {
      states.push(JSON.parse(JSON.stringify(batches.state)));
      return JSON.stringify(host(batches.next().inputs));
    });
    expect(new Set(drawn).size).toBeGreaterThan(4);
    for (const [i, state] of states.entries()) {
      const again = make();
      again.load(state);
      expect(JSON.stringify(host(again.next().inputs))).toBe(drawn[i]);
    }
  });
});

it("the masks of the batches of one epoch differ", () => {
  scope((): void => {
    const { ids } = tinyBlocks(1);
    const blocks = { ids: Int32Array.from({ length: 48 }, (_, i) => ids[i % 12]!), count: 4, length: 12, dropped: 0 };
    const sampler = new BatchSampler({ size: 4, batchSize: 1, seed: 1 });
    const batches = maskedLMBatches({ blocks, sampler, collator: tinyCollator(), seed: 1 });
    const drawn = Array.from({ length: 4 }, () => JSON.stringify(host(batches.next().inputs)));
    expect(new Set(drawn).size).toBe(4);
  });
});

it("batches of labelled texts are padded and masked, and count real tokens", () => {
  scope((): void => {
    const examples: EncodedExample[] = [
      { ids: [0, 9, 2], label: 1 },
      { ids: [0, 9, 8, 7, 2], label: 0 },
    ];
    const sampler = new BatchSampler({ size: 2, batchSize: 2, seed: 1, shuffle: false });
    const batches = classificationBatches({
      examples,
      sampler,
      collator: new ClassificationCollator({ padTokenId: 1 }),
    });
    const { inputs, tokens } = batches.next();
    expect(values(inputs.inputIds)).toEqual([0, 9, 2, 1, 1, 0, 9, 8, 7, 2]);
    expect(values(inputs.attentionMask)).toEqual([1, 1, 1, 0, 0, 1, 1, 1, 1, 1]);
    expect(inputs.skipPaddedQueries).toBe(true);
    expect(values(inputs.labels)).toEqual([1, 0]);
    expect(tokens).toBe(8);
  });
});
