import { expect, test } from "vitest";
import { ClassificationCollator } from "./classification-collator.ts";

const examples = [
  { ids: [0, 10, 11, 2], label: 3 },
  { ids: Int32Array.of(0, 20, 2), label: 0 },
];

test("pads to the longest of the batch", () => {
  expect(new ClassificationCollator({ padTokenId: 1 }).collate(examples)).toEqual({
    inputIds: Int32Array.of(0, 10, 11, 2, 0, 20, 2, 1),
    attentionMask: Int32Array.of(1, 1, 1, 1, 1, 1, 1, 0),
    shape: [2, 4],
    labels: Int32Array.of(3, 0),
  });
});

test("or to a multiple, but never beyond maxLength", () => {
  const shape = (options: object): number[] =>
    new ClassificationCollator({ padTokenId: 1, ...options }).collate(examples).shape;
  expect(shape({ padToMultipleOf: 8 })).toEqual([2, 8]);
  expect(shape({ padToMultipleOf: 4 })).toEqual([2, 4]);
  expect(shape({ padToMultipleOf: 8, maxLength: 6 })).toEqual([2, 6]);
  expect(shape({ padToMultipleOf: 8, maxLength: 40 })).toEqual([2, 8]);
});

test("cuts at maxLength and keeps the last id", () => {
  expect(new ClassificationCollator({ padTokenId: 1, maxLength: 3 }).collate(examples).inputIds).toEqual(
    Int32Array.of(0, 10, 2, 0, 20, 2),
  );
});

test("errors say what is wrong", () => {
  const collate = (options: object, list = examples): unknown =>
    new ClassificationCollator({ padTokenId: 1, ...options }).collate(list);
  expect(() => collate({}, [])).toThrow("collate: expected at least one sequence, got none; skip empty batches");
  expect(() => collate({}, [{ ids: [0], label: -100 }])).toThrow(
    "ClassificationCollator: expected labels 0, 1, 2 …, got -100; number the labels first",
  );
  expect(() => collate({ padToMultipleOf: 0 })).toThrow("collate: expected padToMultipleOf ≥ 1, got 0; use 8");
  expect(() => collate({ maxLength: 0 })).toThrow("collate: expected maxLength ≥ 1, got 0; raise it");
});
