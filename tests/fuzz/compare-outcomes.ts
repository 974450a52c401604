import type { Backend } from "@tessera/tensor";
import { programOpsByName } from "./program-ops.ts";
import { nodeAlone, numbersOf, type Program, type ProgramInput } from "./programs.ts";
import { operandsOf, runProgram, type Outcome } from "./run-program.ts";

/** Two devices that do not agree, by the smallest program that shows it: one call. */
export interface Mismatch {
  readonly op: string;
  readonly what: string;
  readonly program: Program;
}

/** How often what was compared agreed, and how often it was left out. */
export interface Tally {
  compared: number;
  /** Nodes whose terms leave float32, so that what comes out is anybody's choice. */
  outOfRange: number;
}

const largest = (numbers: readonly number[]): number =>
  numbers.reduce((max, value) => (Number.isFinite(value) ? Math.max(max, Math.abs(value)) : max), 0);

/** Sums of squares and products of larger numbers may leave float32. */
const MAX_TERM = 1e15;

/** Elementwise ops in which large terms cancel: 1 + erf, the whole turns of an angle. */
const CANCELLING: ReadonlySet<string> = new Set(["gelu", "sin", "cos", "add", "sub"]);

/** What may be flushed to 0. */
const SUBNORMAL = 2 ** -124;

/** The size of what is summed in a node: errors of sums are relative to it. */
const sizeOf = (op: string, operands: readonly ProgramInput[]): number => {
  const floats = operands.filter(({ dtype }) => dtype === "float32");
  const sizes = floats.map((x) => largest(numbersOf(x)));
  const [x = 0, ...others] = sizes;
  const count = Math.max(1, ...floats.map(({ data }) => data.length));
  switch (op) {
    case "matmul":
      return count * x * others[0]!;
    case "linear":
      return count * x * others[0]! + (others[1] ?? 0);
    case "variance":
      return count * x * x;
    // Near to a variance of 0 the root of its error counts.
    case "std":
      return 100 * count * x;
    // (x − x̄) / √eps, where x hardly varies.
    case "layerNorm":
    case "rmsNorm":
      return (1 + 100 * x) * (1 + others[0]!);
    case "attention":
      return (1 + count * x * others[0]!) * (1 + others[1]!);
    case "sin":
    case "cos":
    case "gelu":
      return 1 + x;
    case "add":
    case "sub":
      return 0.1 * Math.max(...sizes);
    default:
      return count * (1 + x);
  }
};

/** Why two lists of numbers differ; an infinity and NaN must be themselves. */
const differenceOf = (
  want: readonly number[],
  got: readonly number[],
  allowed: (value: number) => number,
): string | null => {
  if (got.length !== want.length) return `${got.length} numbers, expected ${want.length}`;
  let worst: { readonly text: string; readonly excess: number } | null = null;
  for (const [i, b] of want.entries()) {
    const a = got[i]!;
    if (Object.is(a, b) || a === b) continue;
    const error = Math.abs(a - b);
    const bound = Number.isFinite(b) ? allowed(b) : 0;
    if (error <= bound) continue;
    const excess = Number.isFinite(error) ? error / Math.max(bound, Number.MIN_VALUE) : Infinity;
    if (!worst || excess > worst.excess) worst = { text: `at ${i}: got ${a}, expected ${b}`, excess };
  }
  return worst?.text ?? null;
};

/** Why a node's value or gradient differs between two outcomes whose operands are the same. */
const nodeDifference = (
  op: string,
  at: number,
  operands: readonly ProgramInput[],
  want: Outcome,
  got: Outcome,
): string | null => {
  const { within } = programOpsByName.get(op)!;
  const size = sizeOf(op, operands);
  const steps = {
    equal: () => 0,
    each: (b: number) =>
      1e-5 * Math.abs(b) +
      SUBNORMAL * (1 + Math.max(0, ...operands.map((x) => largest(numbersOf(x))))) +
      (CANCELLING.has(op) ? 1e-6 * size : 0),
    summed: (b: number) => 1e-5 * Math.max(Math.abs(b), size),
  };
  const value = differenceOf(want.values[at]!, got.values[at]!, steps[within]);
  if (value) return `value ${value}`;
  for (const [i, expected] of (want.gradients[at] ?? []).entries()) {
    if (!expected) continue;
    // A gradient of an operand that was broadcast sums over what it was broadcast to.
    const terms = Math.max(
      1,
      size / 10,
      largest(expected),
      expected.length < want.values[at]!.length ? largest(want.values[at]!) : 0,
      ...operands.map((x) => (within === "equal" ? 0 : largest(numbersOf(x)))),
    );
    const why = differenceOf(expected, got.gradients[at]![i]!, (b) => 1e-4 * Math.max(Math.abs(b), terms));
    if (why) return `gradient by operand ${i} ${why}`;
  }
  return null;
};

/**
 * Where a device disagrees with another. Every node is judged by itself: where its operands differ already, because an error of rounding
 * grew on the way, it is run again with one device's operands on both. `want` is what the oracle made of the program.
 */
export const compareDevices = async (
  program: Program,
  oracle: Backend,
  device: Backend,
  tally: Tally,
  want: Outcome,
): Promise<Mismatch[]> => {
  const got = await runProgram(program, device);
  if (want.error !== null || got.error !== null) {
    if (want.error === got.error) return [{ op: "program", what: `threw ${want.error}`, program }];
    return [
      {
        op: "program",
        what: `${device.name}: ${got.error ?? "no error"}, ${oracle.name}: ${want.error ?? "no error"}`,
        program,
      },
    ];
  }
  const found: Mismatch[] = [];
  for (const [at, { op }] of program.nodes.entries()) {
    const operands = operandsOf(program, at, want);
    if (programOpsByName.get(op)!.within !== "equal" && operands.some((x) => largest(numbersOf(x)) > MAX_TERM)) {
      tally.outOfRange++;
      continue;
    }
    tally.compared++;
    if (!nodeDifference(op, at, operands, want, got)) continue;
    const alone = nodeAlone(program, at, operands);
    const [wantAlone, gotAlone] = [await runProgram(alone, oracle), await runProgram(alone, device)];
    const why = wantAlone.error ?? gotAlone.error ?? nodeDifference(op, 0, operands, wantAlone, gotAlone);
    if (why) {
      found.push({ op, what: `${device.name}: ${why}`, program: alone });
      continue;
    }
    // The operands were the same, and only how they lie in memory was not.
    const same = operandsOf(program, at, got).every((x, i) => x.data.join() === operands[i]!.data.join());
    if (same)
      found.push({ op, what: `${device.name}, as a view: ${nodeDifference(op, at, operands, want, got)!}`, program });
  }
  return found;
};
