import { ArgumentError, ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { matmul } from "./matmul/matmul.ts";
import { permute, reshape } from "./move/move.ts";
import { sum } from "./reduce/reduce.ts";

/** A tensor with a letter for each dim. */
interface Named {
  readonly x: Tensor;
  readonly letters: string;
}

/**
 * Sums of products by Einstein's convention: letters name dims, and those missing from the output are summed over. Operands are
 * multiplied pairwise from left to right, each pair as one batched matrix product.
 *
 * Shape: as the letters say. A letter may not occur twice in one operand, and there is no ellipsis.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.einsum.html torch.einsum}
 *
 * @throws ArgumentError when the equation cannot be read, ShapeError when sizes differ.
 * @example
 * einsum("bhqd,bhkd->bhqk", q, k); // attention scores
 */
export const einsum = (equation: string, ...operands: readonly Tensor[]): Tensor =>
  namedScope("einsum", () => {
    const { inputs, output } = parse(equation, operands);
    const [first, ...rest] = inputs as [Named, ...Named[]];
    let left = first;
    for (const [i, right] of rest.entries()) {
      const later =
        output +
        rest
          .slice(i + 1)
          .map(({ letters }) => letters)
          .join("");
      left = contract(left, right, later);
    }
    const only = sumOut(left, output);
    return permute(
      only.x,
      [...output].map((letter) => only.letters.indexOf(letter)),
    );
  });

const parse = (equation: string, operands: readonly Tensor[]): { inputs: Named[]; output: string } => {
  const [, from, to] = /^\s*([a-zA-Z,\s]*?)\s*(?:->\s*([a-zA-Z]*)\s*)?$/.exec(equation) ?? [];
  if (from === undefined) throw new ArgumentError(`einsum: expected letters as in "ij,jk->ik", got "${equation}"`);
  const terms = from.replace(/\s/g, "").split(",");
  if (terms.length !== operands.length || operands.length === 0)
    throw new ArgumentError(`einsum: "${equation}" names ${terms.length} operands, ${operands.length} came`);
  const sizes = new Map<string, number>();
  const inputs = terms.map((letters, i) => {
    const x = operands[i]!;
    if (letters.length !== x.ndim)
      throw new ShapeError(`einsum: "${letters}" names ${letters.length} dims, operand ${i} is ${showShape(x.shape)}`);
    if (new Set(letters).size !== letters.length)
      throw new ArgumentError(`einsum: "${letters}" repeats a letter; take the diagonal first`);
    for (const [d, letter] of [...letters].entries()) {
      const seen = sizes.get(letter) ?? x.shape[d]!;
      if (seen !== x.shape[d])
        throw new ShapeError(`einsum: "${letter}" is ${seen} and ${x.shape[d]}; sizes of one letter agree`);
      sizes.set(letter, seen);
    }
    return { x, letters };
  });
  // Without "->": the letters that occur once, in alphabetical order.
  const all = terms.join("");
  const output =
    to ??
    [...new Set(all)]
      .filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter))
      .sort()
      .join("");
  for (const letter of output)
    if (!sizes.has(letter)) throw new ArgumentError(`einsum: output letter "${letter}" is in no operand`);
  if (new Set(output).size !== output.length)
    throw new ArgumentError(`einsum: the output "${output}" repeats a letter`);
  return { inputs, output };
};

/** Sums over the letters that neither the output nor a later operand has. */
const sumOut = ({ x, letters }: Named, needed: string): Named => {
  const gone = [...letters].flatMap((letter, d) => (needed.includes(letter) ? [] : [d]));
  return gone.length === 0
    ? { x, letters }
    : { x: sum(x, { dim: gone }), letters: [...letters].filter((letter) => needed.includes(letter)).join("") };
};

/** One batched product: [batch, rows, inner] · [batch, inner, columns]. */
const contract = (a: Named, b: Named, later: string): Named => {
  const left = sumOut(a, later + b.letters);
  const right = sumOut(b, later + a.letters);
  const shared = [...left.letters].filter((letter) => right.letters.includes(letter));
  const batch = shared.filter((letter) => later.includes(letter));
  const inner = shared.filter((letter) => !later.includes(letter));
  const rows = [...left.letters].filter((letter) => !shared.includes(letter));
  const columns = [...right.letters].filter((letter) => !shared.includes(letter));
  const size = (letters: readonly string[]): number[] =>
    letters.map((letter) =>
      left.letters.includes(letter)
        ? left.x.shape[left.letters.indexOf(letter)]!
        : right.x.shape[right.letters.indexOf(letter)]!,
    );
  const count = (letters: readonly string[]): number => size(letters).reduce((n, one) => n * one, 1);
  const arrange = ({ x, letters }: Named, order: readonly string[], shape: readonly number[]): Tensor =>
    reshape(
      permute(
        x,
        order.map((letter) => letters.indexOf(letter)),
      ),
      shape,
    );
  const product = matmul(
    arrange(left, [...batch, ...rows, ...inner], [count(batch), count(rows), count(inner)]),
    arrange(right, [...batch, ...inner, ...columns], [count(batch), count(inner), count(columns)]),
  );
  const letters = [...batch, ...rows, ...columns];
  return { x: reshape(product, size(letters)), letters: letters.join("") };
};
