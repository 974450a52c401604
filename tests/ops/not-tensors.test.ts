// What the types refuse and JavaScript lets through: errors that say what was expected, not TypeErrors from within.
import * as t from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

type Loose = (...args: readonly unknown[]) => unknown;
const loose = t as unknown as Readonly<Record<string, Loose>>;

const things: readonly (readonly [name: string, thing: unknown])[] = [
  ["a number", 1.5],
  ["a text", "1"],
  ["a bigint", 10n],
  ["an array", [1, 2]],
  ["an object", {}],
  ["a function", () => 1],
  ["a symbol", Symbol("s")],
];

/** What some take beside it. */
const more: Readonly<Record<string, readonly unknown[]>> = {
  reshape: [[1]],
  unsqueeze: [0],
  split: [1],
  cumsum: [{ dim: 0 }],
};

describe.each(things)("%s for a tensor", (_, thing) => {
  it.each([
    "exp",
    "relu",
    "sum",
    "amax",
    "argmax",
    "cumsum",
    "softmax",
    "reshape",
    "flatten",
    "unsqueeze",
    "split",
    "sort",
  ])("is refused by %s", (name) =>
    withoutLeaks(() => {
      const rest = more[name] ?? [];
      expect(() => t.scope(() => void loose[name]!(thing, ...rest))).toThrow(
        new RegExp(`^${name}: a tensor expected, got .*; make one with tensor\\(…\\)$`),
      );
    }),
  );
  it("is refused beside a tensor", () =>
    withoutLeaks(() => {
      for (const name of ["add", "pow", "maximum", "eq"]) {
        // A number is an operand.
        if (typeof thing === "number") continue;
        expect(() => t.scope(() => void loose[name]!(t.tensor([1, 2]), thing)), name).toThrow(t.TesseraError);
      }
    }));
});

it.each(things.filter(([name]) => name !== "an array"))("%s for a list is refused", (_, thing) =>
  withoutLeaks(() => {
    for (const name of ["reshape", "permute", "expand", "pad", "tile", "flip"])
      expect(() => t.scope(() => void loose[name]!(t.tensor([[1, 2]]), thing)), name).toThrow(
        new RegExp(`^${name}: a list of .* expected, got .*; write it as in \\[2, 3\\]$`),
      );
  }),
);

it.each([...things, ["null", null] as const])("%s for a generator is refused", (_, generator) =>
  withoutLeaks(() => {
    for (const name of ["rand", "randn"])
      expect(() => t.scope(() => void loose[name]!([2], { generator })), name).toThrow(
        new RegExp(`^${name}: a Generator expected, got .*; new Generator\\(seed\\) makes one$`),
      );
    expect(() => t.scope(() => void loose["dropout"]!(t.tensor([1]), { generator }))).toThrow(
      /^dropout: a Generator expected/,
    );
  }),
);

it("null where a tensor is needed is refused by name, and stays an option where it is one", () =>
  withoutLeaks(() => {
    for (const name of ["exp", "sigmoid", "erf"])
      expect(() => t.scope(() => void loose[name]!(null)), name).toThrow(
        `${name}: a tensor expected as input 0, got null; make one with tensor(…)`,
      );
    expect(() => t.scope(() => void loose["embedding"]!(null, t.ones([2, 2])))).toThrow("embedding: a tensor expected");
    t.scope((): void => void t.linear(t.ones([1, 2]), t.ones([3, 2]), null));
  }));
