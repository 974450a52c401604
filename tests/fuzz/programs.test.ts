// Random programs of public ops: `cpu` agrees with `reference`. The long form is `npm run fuzz -- programs --count 10000`.
import { cpu, reference } from "@tessera/tensor";
import fc from "fast-check";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { compareDevices, type Mismatch } from "./compare-outcomes.ts";
import { programOps } from "./program-ops.ts";
import { numbersOf, programOf, programs, type Program } from "./programs.ts";
import { runProgram } from "./run-program.ts";

const mismatches = async (program: Program): Promise<Mismatch[]> =>
  compareDevices(program, reference, cpu, { compared: 0, outOfRange: 0 }, await runProgram(program, reference));

it("cpu agrees with reference on 300 programs, values and gradients, and nothing is left behind", () =>
  withoutLeaks(() =>
    fc.assert(
      fc.asyncProperty(programs, async (program) => {
        expect(await mismatches(program)).toEqual([]);
      }),
      { numRuns: 300, seed: 20261 },
    ),
  ));

it("programs are plain JSON and the same for a seed, and nearly every op comes up", () => {
  const drawn = fc.sample(programs, { numRuns: 1000, seed: 5 });
  expect(fc.sample(programs, { numRuns: 1000, seed: 5 })).toEqual(drawn);
  expect(JSON.parse(JSON.stringify(drawn))).toEqual(drawn);
  const used = new Set(drawn.flatMap(({ nodes }) => nodes.map(({ op }) => op)));
  expect(programOps.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
  const sizes = new Set(drawn.flatMap(({ inputs }) => inputs.flatMap(({ shape }) => shape)));
  expect([0, 1, 2, 3, 4, 5].filter((size) => !sizes.has(size))).toEqual([]);
  expect(drawn.some(({ inputs }) => inputs.some((input) => numbersOf(input).some(Number.isNaN)))).toBe(true);
});

it("a kernel that is wrong is found, and by which call", async () => {
  const program = { inputs: [{ shape: [3], dtype: "float32", data: [1, 2, 3] }], nodes: [] } as const;
  const call = { op: "exp", args: [0], attrs: {}, spec: { shape: [3], dtype: "float32" } } as const;
  const whole = { ...program, nodes: [call, { ...call, op: "neg", args: [1] }] };
  const wrong = { ...(await runProgram(whole, reference)) };
  expect(wrong.error).toBeNull();
  expect(wrong.values[1]![2]).toBeCloseTo(-Math.exp(3), 4);
  // The same call in a shape that it does not have.
  const misshapen = { ...whole, nodes: [{ ...call, spec: { shape: [4], dtype: "float32" } as const }] };
  expect(await mismatches(misshapen)).toMatchObject([
    { op: "program", what: "threw Error: exp: float32 [3] came, expected float32 [4]" },
  ]);
});

it("no choices at all are a program too", () => {
  expect(programOf([]).nodes.length).toBeGreaterThan(0);
});
