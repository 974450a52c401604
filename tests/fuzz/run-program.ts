import { vjp } from "@tessera/autograd";
import { dispose, scope, tensor, type Backend, type Tensor } from "@tessera/tensor";
import { programOpsByName } from "./program-ops.ts";
import { jsonNumber, numbersOf, type JsonNumber, type Program, type ProgramInput } from "./programs.ts";

/** What a device made of a program: numbers, or what it threw instead. */
export interface Outcome {
  /** Of each node, in order. */
  readonly values: readonly (readonly number[])[];
  /** Of each node by each of its operands, for `cotangent` as what comes from above; `null` for operands without one. */
  readonly gradients: readonly (readonly (readonly number[] | null)[] | null)[];
  /** By each input, of Σ cotangent · value over all float values that no other node reads; `null` where there is none. */
  readonly total: readonly (readonly number[] | null)[];
  readonly error: string | null;
}

/** What comes from above in every gradient of a program: −1, 0.5, −0.5, 1, 0, … */
export const cotangent = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => (((i * 7) % 5) - 2) / 2);

const upload = (input: ProgramInput, device: Backend): Tensor => {
  const numbers = numbersOf(input);
  const data =
    input.dtype === "float32"
      ? Float32Array.from(numbers)
      : input.dtype === "bool"
        ? Uint8Array.from(numbers)
        : Int32Array.from(numbers);
  return tensor(data, input.shape, { device, dtype: input.dtype });
};

const read = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

/** The float values of a program that no node reads. */
const leavesOf = ({ inputs, nodes }: Program): number[] => {
  const used = new Set(nodes.flatMap(({ args }) => args));
  return nodes.flatMap(({ spec }, i) =>
    spec.dtype === "float32" && !used.has(inputs.length + i) ? [inputs.length + i] : [],
  );
};

/** Runs every node; `values` begins with the inputs. */
const runNodes = ({ nodes }: Program, values: Tensor[]): Tensor[] => {
  for (const { op, args, attrs, spec } of nodes) {
    const y = programOpsByName.get(op)!.call(
      args.map((arg) => values[arg]!),
      attrs,
    );
    if (y.shape.join() !== spec.shape.join() || y.dtype !== spec.dtype)
      throw new Error(
        `${op}: ${y.dtype} [${y.shape.join(", ")}] came, expected ${spec.dtype} [${spec.shape.join(", ")}]`,
      );
    values.push(y);
  }
  return values;
};

const pullbackOf = (
  f: (...xs: Tensor[]) => Tensor[],
  operands: readonly Tensor[],
  device: Backend,
): (Tensor | null)[] => {
  const { value, pullback } = vjp(f, ...operands);
  return pullback(value.map((y) => tensor(cotangent(y.numel()), y.shape, { device })));
};

/** Values, gradients node by node, and gradients through all of it, on a device. */
export const runProgram = async (program: Program, device: Backend): Promise<Outcome> => {
  const values: number[][] = [];
  const gradients: ((number[] | null)[] | null)[] = [];
  const total: (number[] | null)[] = [];
  const held: Tensor[] = [];
  try {
    held.push(...program.inputs.map((input) => upload(input, device)));
    runNodes(program, held);
    for (const [i, { op, args, attrs, spec }] of program.nodes.entries()) {
      values.push(await read(held[program.inputs.length + i]!));
      const operands = args.map((arg) => held[arg]!);
      if (spec.dtype !== "float32" || operands.every(({ dtype }) => dtype !== "float32")) {
        gradients.push(null);
        continue;
      }
      const grads = scope(() => pullbackOf((...xs) => [programOpsByName.get(op)!.call(xs, attrs)], operands, device));
      gradients.push(await Promise.all(grads.map(async (one) => one && read(one))));
      dispose(grads);
    }
    const leaves = leavesOf(program);
    if (leaves.length > 0) {
      const inputs = held.slice(0, program.inputs.length);
      const grads = scope(() =>
        pullbackOf(
          (...xs) => {
            const all = runNodes(program, [...xs]);
            return leaves.map((leaf) => all[leaf]!);
          },
          inputs,
          device,
        ),
      );
      total.push(...(await Promise.all(grads.map(async (one) => one && read(one)))));
      dispose(grads);
    }
    return { values, gradients, total, error: null };
  } catch (error) {
    return { values, gradients, total, error: `${(error as Error).name}: ${(error as Error).message}` };
  } finally {
    dispose(held);
  }
};

/** The values before a node as inputs of a program of its own. */
export const operandsOf = (program: Program, at: number, { values }: Outcome): ProgramInput[] =>
  program.nodes[at]!.args.map((arg) => {
    const input = program.inputs[arg];
    if (input) return input;
    const node = arg - program.inputs.length;
    return { ...program.nodes[node]!.spec, data: values[node]!.map(jsonNumber) };
  });

/** Numbers as a line of JSON holds them: float32 needs nine digits. */
export const shortNumbers = (numbers: readonly number[]): JsonNumber[] =>
  numbers.map((value) => (Number.isInteger(value) ? jsonNumber(value) : jsonNumber(Number(value.toPrecision(9)))));
