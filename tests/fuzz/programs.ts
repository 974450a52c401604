import fc from "fast-check";
import type { Drawn, Spec } from "./draw-op.ts";
import { programOps } from "./program-ops.ts";

/** Numbers that JSON has not are spelled: "NaN", "Infinity", "-Infinity", "-0". */
export type JsonNumber = number | string;

/** A tensor that a program is given. */
export interface ProgramInput extends Spec {
  readonly data: readonly JsonNumber[];
}

/** One call: its operands are values by number, inputs first, then what nodes gave, in order. */
export interface ProgramNode {
  readonly op: string;
  readonly args: readonly number[];
  readonly attrs: { readonly [name: string]: unknown };
  /** What comes out. */
  readonly spec: Spec;
}

/** Calls of public ops, each of which gives one value. It is plain JSON. */
export interface Program {
  readonly inputs: readonly ProgramInput[];
  readonly nodes: readonly ProgramNode[];
}

/** Numbers that make or break kernels. */
const EDGES: readonly JsonNumber[] = [
  0,
  "-0",
  1,
  -1,
  0.5,
  1e-30,
  -1e-30,
  1e30,
  -1e30,
  88.5,
  -104,
  16777216,
  -2147483648,
  3e9,
  "NaN",
  "Infinity",
  "-Infinity",
];

const toFloat = (value: JsonNumber): number => (value === "-0" ? -0 : Number(value));
/** The numbers of an input. */
export const numbersOf = ({ data }: ProgramInput): number[] => data.map(toFloat);
/** A number as JSON can hold it. */
export const jsonNumber = (value: number): JsonNumber => {
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
};

/** A stream of choices, of which the smallest are the simplest; when it runs dry, they are all 0. */
class Choices {
  private at = 0;
  constructor(private readonly numbers: readonly number[]) {}
  /** A whole number from 0 up to `count`. */
  below(count: number): number {
    return (this.numbers[this.at++] ?? 0) % Math.max(count, 1);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
export type { Choices };

const SIZES = [2, 1, 3, 0, 4, 5];
/** Sizes of a shape of up to 4 dims; a size of 0 is rare. */
const shapeOf = (choices: Choices): number[] =>
  Array.from({ length: choices.pick([2, 1, 3, 2, 0, 4]) }, () => {
    const size = choices.pick(SIZES);
    return size === 0 && choices.below(3) > 0 ? 1 : size;
  });

/** Small numbers, halves, and what is near to nothing in particular; in one input of four, edges among them. */
const dataOf = (choices: Choices, { shape, dtype }: Spec): JsonNumber[] => {
  const count = shape.reduce((n, size) => n * size, 1);
  const edgy = choices.below(4) === 3;
  const kind = choices.below(3);
  return Array.from({ length: count }, (_, i) => {
    if (dtype === "bool") return choices.below(2);
    if (dtype === "int32") return choices.below(9) - 4;
    const draw = choices.below(65536);
    if (edgy && draw % 3 === 0) return EDGES[(draw >> 3) % EDGES.length]!;
    if (kind === 0) return ((draw % 13) - 6) / 2;
    if (kind === 1) return jsonNumber(Math.fround(((draw % 4001) - 2000) / 777));
    return jsonNumber(Math.fround(((draw % 257) - 128) * (i % 2 === 0 ? 0.37 : 0.011)));
  });
};

/** The program that a stream of choices stands for. */
export const programOf = (numbers: readonly number[]): Program => {
  const choices = new Choices(numbers);
  const inputs: ProgramInput[] = [];
  const nodes: ProgramNode[] = [];
  /** Inputs that come up on the way are renumbered at the end: they stand first. */
  const values: { readonly spec: Spec; readonly from: "input" | "node"; readonly number: number }[] = [];
  const addInput = (spec: Spec, data: readonly JsonNumber[] = dataOf(choices, spec)): number => {
    values.push({ spec, from: "input", number: inputs.length });
    inputs.push({ ...spec, data });
    return values.length - 1;
  };
  for (let i = choices.below(2); i >= 0; i--) addInput({ shape: shapeOf(choices), dtype: "float32" });
  const length = 3 + choices.below(10);
  const drawn: Drawn[] = [];
  for (let attempt = 0; drawn.length < length && attempt < 6 * length; attempt++) {
    const op = choices.pick(programOps);
    // What came last is taken more often, so that programs are deep and not only wide.
    const at = choices.below(3) > 0 ? values.length - 1 : choices.below(values.length);
    const specs = values.map(({ spec }) => spec);
    const one = op.draw({ choices, at, specs, addInput });
    if (!one || one.spec.shape.reduce((n, size) => n * size, 1) > 240) continue;
    values.push({ spec: one.spec, from: "node", number: drawn.length });
    drawn.push({ ...one, op: op.name });
  }
  const numberOf = (value: number): number => {
    const { from, number } = values[value]!;
    return from === "input" ? number : inputs.length + number;
  };
  for (const { op, args, attrs, spec } of drawn) nodes.push({ op, args: args.map(numberOf), attrs, spec });
  return { inputs, nodes };
};

/** Programs of 3 to 12 ops; what shrinks are the choices. */
export const programs: fc.Arbitrary<Program> = fc
  .array(fc.nat({ max: 0x7fffffff }), { minLength: 600, maxLength: 600 })
  .map(programOf);

/** The call of one node alone, its operands given as inputs. */
export const nodeAlone = ({ nodes }: Program, at: number, operands: readonly ProgramInput[]): Program => ({
  inputs: operands,
  nodes: [{ ...nodes[at]!, args: operands.map((_, i) => i) }],
});
