import { ArgumentError, ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { diagonal } from "./diagonal.ts";
import { matmul } from "./matmul/matmul.ts";
import { expand, permute, reshape } from "./move/move.ts";
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
 * A letter twice in one operand takes its diagonal; "..." stands for all other dims, which broadcast from the last one on.
 *
 * Shape: as the letters say.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.einsum.html torch.einsum}
 *
 * @throws ArgumentError when the equation cannot be read, ShapeError when sizes differ.
 * @example
 * einsum("bhqd,bhkd->bhqk", q, k); // attention scores
 * einsum("ii->i", a); // the diagonal
 * einsum("...ij,jk->...ik", x, w); // whatever dims come first
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

/** Letters for the dims that "..." stands for, the last one first: none that an equation can have. */
const ELLIPSIS = Array.from({ length: 26 }, (_, i) => String.fromCharCode(0x3b1 + i));

/** The letters of a term, with those of its ellipsis spelt out for `dims` dims in all. */
const spell = (term: string, dims: number, describe: () => string): string => {
  const count = term.includes("...") ? dims - term.length + 3 : 0;
  const letters = term.replace("...", () => ELLIPSIS.slice(0, Math.max(count, 0)).reverse().join(""));
  if (letters.length !== dims || count < 0 || count > ELLIPSIS.length) throw new ShapeError(describe());
  return letters;
};

/** x with a letter once for each dim: of a letter that occurs twice the diagonal, in a last dim. */
const withoutRepeats = ({ x, letters }: Named): Named => {
  const twice = [...letters].findIndex((letter, d) => letters.indexOf(letter) !== d);
  if (twice === -1) return { x, letters };
  const letter = letters[twice]!;
  const once = letters.indexOf(letter);
  const rest = [...letters].filter((_, d) => d !== once && d !== twice).join("");
  return withoutRepeats({ x: diagonal(x, 0, once, twice), letters: rest + letter });
};

const parse = (equation: string, operands: readonly Tensor[]): { inputs: Named[]; output: string } => {
  const term = /^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/;
  const [from, to, ...more] = equation.replace(/\s/g, "").split("->") as [string, ...string[]];
  const terms = from.split(",");
  if (more.length > 0 || ![...terms, to ?? ""].every((one) => term.test(one)))
    throw new ArgumentError(`einsum: expected letters as in "ij,jk->ik", got "${equation}"`);
  if (terms.length !== operands.length || operands.length === 0)
    throw new ArgumentError(`einsum: "${equation}" names ${terms.length} operands, ${operands.length} came`);
  const sizes = new Map<string, number>();
  const inputs = terms.map((one, i) => {
    const x = operands[i]!;
    const letters = spell(
      one,
      x.ndim,
      () => `einsum: "${one}" names ${one.replace("...", "").length} dims, operand ${i} is ${showShape(x.shape)}`,
    );
    for (const [d, letter] of [...letters].entries()) {
      const size = x.shape[d]!;
      const seen = sizes.get(letter) ?? size;
      const stretches = ELLIPSIS.includes(letter) && (seen === 1 || size === 1);
      if (seen !== size && !stretches)
        throw new ShapeError(`einsum: "${letter}" is ${seen} and ${size}; sizes of one letter agree`);
      sizes.set(letter, seen === 1 ? size : seen);
    }
    return { x, letters };
  });
  // All sizes are known: what an ellipsis stands for stretches to them.
  const spelt = inputs.map(({ x, letters }) =>
    withoutRepeats({
      x: expand(
        x,
        [...letters].map((one) => sizes.get(one)!),
      ),
      letters,
    }),
  );
  // Without "->": what ellipses stand for, then the letters that occur once, in alphabetical order.
  const all = inputs.map(({ letters }) => letters).join("");
  const ellipsis = ELLIPSIS.filter((letter) => sizes.has(letter))
    .reverse()
    .join("");
  const output =
    to?.replace("...", () => ellipsis) ??
    ellipsis +
      [...new Set(all)]
        .filter((letter) => !ELLIPSIS.includes(letter) && all.indexOf(letter) === all.lastIndexOf(letter))
        .sort()
        .join("");
  for (const letter of output)
    if (!sizes.has(letter)) throw new ArgumentError(`einsum: output letter "${letter}" is in no operand`);
  if (new Set(output).size !== output.length)
    throw new ArgumentError(`einsum: the output "${output}" repeats a letter`);
  return { inputs: spelt, output };
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
