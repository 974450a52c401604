import { expect, test } from "vitest";
import { packTokenBlocks, takeBlocks } from "./token-blocks.ts";

const options = { length: 5, bosTokenId: 0, eosTokenId: 2 };

test("texts follow each other, with </s> behind each, in blocks of <s> … </s>", () => {
  const blocks = packTokenBlocks([[10, 11, 12, 13], Int32Array.of(20), [], [30, 31, 32]], options);
  // Stream: 10 11 12 13 </s> 20 </s> 30 31 32 </s>, three at a time; 32 and </s> are left.
  expect(blocks).toEqual({
    ids: Int32Array.of(0, 10, 11, 12, 2, 0, 13, 2, 20, 2, 0, 2, 30, 31, 2),
    count: 3,
    length: 5,
    dropped: 2,
  });
  expect(takeBlocks(blocks, [2, 0])).toEqual([Int32Array.of(0, 2, 30, 31, 2), Int32Array.of(0, 10, 11, 12, 2)]);
});

test("a corpus that fills its blocks drops nothing", () => {
  expect(
    packTokenBlocks(
      [
        [1, 1],
        [1, 1],
      ],
      options,
    ),
  ).toMatchObject({ count: 2, dropped: 0 });
});

test("errors say what is wrong", () => {
  expect(() => packTokenBlocks([[5]], options)).toThrow(
    "packTokenBlocks: expected at least 3 ids for a block of 5, got 2; give more text or shorter blocks",
  );
  expect(() => packTokenBlocks([], options)).toThrow(/got 0; give more text/);
  expect(() => packTokenBlocks([[5]], { ...options, length: 2 })).toThrow(
    "packTokenBlocks: expected a length ≥ 3 (one id between two), got 2; use 64",
  );
  const blocks = packTokenBlocks([[1, 1, 1]], options);
  for (const index of [1, -1, 0.5]) {
    expect(() => takeBlocks(blocks, [index])).toThrow(
      `takeBlocks: expected whole indices in 0 … 0, got ${index}; is the sampler another corpus's?`,
    );
  }
});
