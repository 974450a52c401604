import { Gen, values } from "./generate.ts";
import type { Sample } from "./sample.ts";

const [LARGEST, SMALLEST] = [3.4028234663852886e38, 1.1754943508222875e-38];
/** Zeros of both signs, infinities, NaN, the largest and the smallest normal float32, numbers whose square is neither. */
const EDGES = [
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
