// A suite's own bound counts where it is the looser one.
import { expect, it } from "vitest";
import { difference } from "../support/close.ts";

const floats = (...values: number[]) => ({ shape: [values.length], dtype: "float32", values });

it("the looser one of a suite's bound and ours counts", () => {
  const [got, want] = [floats(1.0005, 2), floats(1, 2)];
  expect(difference(got, want, { each: 1e-5 })).toMatch(/at \[0\] of \[2\]: got 1.0005, expected 1/);
  expect(difference(got, want, { each: 1e-5 }, { rtol: 1e-3, atol: 0 })).toBeNull();
  expect(difference(got, want, { each: 1e-5 }, { rtol: 1e-4, atol: 1e-7 })).toMatch(/error 5.00e-4 > 1.00e-4/);
  expect(difference(got, want, { each: 1e-3 }, { rtol: 0, atol: 0 })).toBeNull();
});

it("a bound in steps of float32 follows the size of the number", () => {
  const step = 2 ** -23;
  expect(difference(floats(1 + 4 * step), floats(1), "equal", { ulp: 4 })).toBeNull();
  expect(difference(floats(1 + 5 * step), floats(1), "equal", { ulp: 4 })).not.toBeNull();
  expect(difference(floats(1024 * (1 + 4 * step)), floats(1024), "equal", { ulp: 4 })).toBeNull();
  expect(difference(floats(0), floats(0), "equal", { ulp: 0 })).toBeNull();
  expect(difference(floats(NaN), floats(1), "equal", { ulp: 1e9 })).not.toBeNull();
  expect(difference(floats(Infinity), floats(1), { each: 1 }, { rtol: 1, atol: 1 })).not.toBeNull();
});
