import { describe, expect, it } from "vitest";
import { collapse } from "./collapse.ts";

describe("collapse", () => {
  it("joins contiguous dims of every operand into one", () => {
    expect(
      collapse(
        [2, 3, 4],
        [
          [12, 4, 1],
          [12, 4, 1],
        ],
      ),
    ).toEqual({ sizes: [24], strides: [[1], [1]] });
  });

  it("keeps dims apart that one operand cannot cross", () => {
    expect(
      collapse(
        [2, 3, 4],
        [
          [12, 4, 1],
          [0, 0, 1],
        ],
      ),
    ).toEqual({
      sizes: [6, 4],
      strides: [
        [4, 1],
        [0, 1],
      ],
    });
    expect(collapse([3, 4], [[1, 3]])).toEqual({ sizes: [3, 4], strides: [[1, 3]] });
  });

  it("drops dims of size 1, whatever their stride", () => {
    expect(collapse([1, 5, 1, 2], [[99, 2, 77, 1]])).toEqual({ sizes: [10], strides: [[1]] });
  });

  it("joins broadcast dims and negative strides", () => {
    expect(collapse([4, 5], [[0, 0]])).toEqual({ sizes: [20], strides: [[0]] });
    expect(collapse([4, 5], [[-5, -1]])).toEqual({ sizes: [20], strides: [[-1]] });
  });

  it("leaves nothing of a single element", () => {
    expect(collapse([], [[]])).toEqual({ sizes: [], strides: [[]] });
    expect(collapse([1, 1], [[3, 1]])).toEqual({ sizes: [], strides: [[]] });
  });
});
