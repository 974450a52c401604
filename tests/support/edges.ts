import { Gen, values } from "./generate.ts";
import type { Sample } from "./sample.ts";

const [LARGEST, SMALLEST] = [3.4028234663852886e38, 1.1754943508222875e-38];
/** Zeros of both signs, infinities, NaN, the largest and the smallest normal float32, numbers whose square is neither. */
export const EDGES: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  -3,
  SMALLEST,
  -SMALLEST,
  1e-30,
  1e30,
  -1e30,
  LARGEST,
  -LARGEST,
  Infinity,
  -Infinity,
  NaN,
];

type AnySample = Sample<(...args: readonly unknown[]) => unknown>;

/** Every pair of edges in two tensors, every edge in one; others are as they were. */
const atEdges = (args: readonly unknown[], edges: readonly number[]): readonly unknown[] => {
  let place = 0;
  return args.map((arg) => {
    if (!(arg instanceof Gen)) return arg;
    if (arg.dtype !== "float32") return new Gen([edges.length ** 2], arg.dtype, (draw) => (draw() < 0.5 ? 0 : 1));
    const step = edges.length ** place++;
    return values(Array.from({ length: edges.length ** 2 }, (_, i) => edges[Math.floor(i / step) % edges.length]!));
  });
};

/**
 * For each function of a table one sample at the edges, in the place of its first: the reference says what is right, in values and
 * gradients. `domain`: the edges that a function is tried on, where those are not all of them.
 */
export const edgeSamples = (
  table: object,
  domain: { readonly [name: string]: (edge: number) => boolean },
): { readonly [name: string]: readonly AnySample[] } =>
  Object.fromEntries(
    (Object.entries(table) as [string, readonly AnySample[]][]).map(([name, [first]]) => {
      const edges = EDGES.filter(domain[name] ?? (() => true));
      return [name, [{ args: atEdges(first!.args, edges), note: "at the edges", noGradient: "no finite differences" }]];
    }),
  );

/** An argument with its `at`-th float32 tensor changed: tensors may stand in lists and options. */
const changed = (arg: unknown, counter: { next: number }, at: number, change: (gen: Gen) => Gen): unknown => {
  const inside = (one: unknown): unknown => changed(one, counter, at, change);
  if (arg instanceof Gen) return arg.dtype === "float32" && counter.next++ === at ? change(arg) : arg;
  if (Array.isArray(arg)) return arg.map(inside);
  if (typeof arg === "object" && arg !== null && Object.getPrototypeOf(arg) === Object.prototype)
    return Object.fromEntries(Object.entries(arg).map(([key, value]) => [key, inside(value)]));
  return arg;
};

const floatsOf = (args: readonly unknown[]): Gen[] => {
  const found: Gen[] = [];
  for (let at = 0, before = -1; found.length > before; at++) {
    before = found.length;
    changed(args, { next: 0 }, at, (gen) => {
      found.push(gen);
      return gen;
    });
  }
  return found;
};

/**
 * For each function of a table its first sample that has elements, with an edge in the place of one element of one operand: for every
 * edge of its domain, and every float32 operand. A row with an infinity says nothing of what else is in it, so edges come one at a time.
 */
export const placedEdges = (
  table: object,
  isIn: (edge: number, name: string, operand: number) => boolean = () => true,
): { readonly [name: string]: readonly AnySample[] } =>
  Object.fromEntries(
    (Object.entries(table) as [string, readonly AnySample[]][]).flatMap(([name, samples]) => {
      const plain = samples.find(({ args, throws }) => !throws && floatsOf(args).some(({ count }) => count > 0));
      if (!plain) return [];
      const rows = floatsOf(plain.args).flatMap(({ count }, operand) =>
        count === 0
          ? []
          : EDGES.filter((edge) => isIn(edge, name, operand)).map((edge) => ({
              ...plain,
              args: changed(plain.args, { next: 0 }, operand, (gen) =>
                gen.with(Math.floor(count / 3), edge),
              ) as readonly unknown[],
              note: `${Object.is(edge, -0) ? "-0" : edge} in operand ${operand}`,
              noGradient: plain.noGradient ?? "no finite differences",
            })),
      );
      return [[name, rows]];
    }),
  );
