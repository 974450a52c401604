// What a hidden key or a padded query holds reaches nothing; what is seen and not finite does, as in PyTorch.
import { vjp } from "@tessera/autograd";
import {
  scaledDotProductAttention,
  scope,
  tensor,
  type AttentionOptions,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

/** More than a tile of each: hidden keys lie in tiles that others make worth it, and at the end of them. */
const [QUERIES, KEYS, WIDTH] = [41, 41, 5];
/** Padding: within the tokens, and at their end. */
const isHidden = (j: number): boolean => j === 3 || j === 17 || j >= 38;

const masks: { readonly [name: string]: (device: Backend) => AttentionOptions } = {
  "a mask of keys": (device) => ({ attnMask: bools(1, KEYS, (_, j) => !isHidden(j), device) }),
  "a mask of pairs": (device) => ({ attnMask: bools(QUERIES, KEYS, (t, j) => !isHidden(j) && (t + j) % 5 > 0, device) }),
  "a float mask": (device) => ({
    attnMask: tensor(Float32Array.from({ length: QUERIES * KEYS }, (_, i) => (isHidden(i % KEYS) ? -Infinity : (i % 7) / 8)), [QUERIES, KEYS], { device }),
  }),
  "a mask of tokens": (device) => ({ attnMask: bools(1, KEYS, (_, j) => !isHidden(j), device), skipPaddedQueries: true }),
  "a mask and the future": (device) => ({ attnMask: bools(1, KEYS, (_, j) => !isHidden(j), device), isCausal: true }),
}; // prettier-ignore

const bools = (rows: number, columns: number, of: (t: number, j: number) => boolean, device: Backend): Tensor =>
  tensor(
    Array.from({ length: rows * columns }, (_, i) => of(Math.floor(i / columns), i % columns)),
    [rows, columns],
    { device },
  );

type Case = { readonly q: Float32Array; readonly k: Float32Array; readonly v: Float32Array; readonly dy: Float32Array };

/** q, k, v and dy [tokens, features], and the output and gradients by name. */
const attend = async (given: Case, options: AttentionOptions, device: Backend) => {
  const of = (x: Float32Array): Tensor => tensor(x, [x.length / WIDTH, WIDTH], { device });
  const { value, pulled } = scope(() => {
    const { value, pullback } = vjp(
      (q: Tensor, k: Tensor, v: Tensor) => scaledDotProductAttention(q, k, v, options),
      of(given.q),
      of(given.k),
      of(given.v),
    );
    return { value, pulled: pullback(of(given.dy)) };
  });
  const [dq, dk, dv] = pulled as Tensor[];
  const found = { y: await value.data(), dq: await dq!.data(), dk: await dk!.data(), dv: await dv!.data() };
  for (const one of [value, ...(pulled as Tensor[])]) one.dispose();
  return found;
};

onEveryDevice((device) => {
  const make = async (): Promise<Case> => {
    const draw = async (seed: number, rows: number): Promise<Float32Array> => {
      const x = normal(rows, WIDTH).make(seed, device);
      const data = Float32Array.from((await x.data()) as Float32Array);
      x.dispose();
      return data;
    };
    return { q: await draw(1, QUERIES), k: await draw(2, KEYS), v: await draw(3, KEYS), dy: await draw(4, QUERIES) };
  };
  /** The same with one value in some rows of some operands. */
  const placed = (given: Case, names: readonly (keyof Case)[], value: number, rows: (j: number) => boolean): Case =>
    Object.fromEntries(
      Object.entries(given).map(([name, x]) => [
        name,
        names.includes(name as keyof Case) ? x.map((old: number, i: number) => (rows(Math.floor(i / WIDTH)) ? value : old)) : x,
      ]),
    ) as unknown as Case; // prettier-ignore

  describe.each(Object.entries(masks))("behind %s", (name, options) => {
    it.each([NaN, Infinity, -Infinity])("%s in keys and values changes nothing", (value) =>
      withoutLeaks(async () => {
        const given = await make();
        const made = options(device);
        const want = await attend(placed(given, ["k", "v"], 0, isHidden), made, device);
        const got = await attend(placed(given, ["k", "v"], value, isHidden), made, device);
        for (const [part, values] of Object.entries(want))
          for (const [i, x] of values.entries())
            expect(got[part as keyof typeof got][i], `${part}[${i}]`).toBeCloseTo(Number(x), 5);
        if (name === "a mask of tokens") {
          // Padded queries too, but for what their own rows say.
          const all = await attend(placed(given, ["q", "k", "v", "dy"], value, isHidden), made, device);
          for (const part of ["y", "dq", "dk", "dv"] as const)
            for (const [i, x] of want[part].entries())
              expect(all[part][i], `${part}[${i}]`).toBeCloseTo(isHidden(Math.floor(i / WIDTH)) ? 0 : Number(x), 5);
        }
        if (made.attnMask) made.attnMask.dispose();
      }),
    );
  });

  it("∞ that is seen comes out as ∞, NaN as NaN, and only where they are", () =>
    withoutLeaks(async () => {
      const given = await make();
      const plain = await attend(given, {}, device);
      for (const value of [Infinity, -Infinity, NaN]) {
        const v = given.v.map((old, i) => (i === 7 * WIDTH + 2 ? value : old));
        const { y } = await attend({ ...given, v }, {}, device);
        for (const [i, x] of plain.y.entries())
          if (i % WIDTH === 2) expect(y[i], `y[${i}]`).toBe(value);
          else expect(y[i], `y[${i}]`).toBeCloseTo(Number(x), 5);
      }
      // Of the other sign beside it: NaN.
      const v = given.v.map((old, i) => (i === 7 * WIDTH + 2 ? Infinity : i === 9 * WIDTH + 2 ? -Infinity : old));
      expect((await attend({ ...given, v }, {}, device)).y[2]).toBeNaN();
    }));

  it("∞ whose weight is too small for float32 makes NaN, as in PyTorch, and a large number nothing", () =>
    withoutLeaks(async () => {
      const given = await make();
      // Scores of 0 but for key 5, with −200.
      const far = {
        ...given,
        q: given.q.map(() => 1),
        k: given.k.map((_, i) => (Math.floor(i / WIDTH) === 5 ? -40 : 0)),
      };
      const of = (value: number): Case => placed(far, ["v"], value, (j) => j === 5);
      const [want, large, infinite] = [0, 1e30, Infinity].map((value) => attend(of(value), { scale: 1 }, device));
      expect([...(await large!).y]).toEqual([...(await want!).y]);
      expect([...(await infinite!).y].every(Number.isNaN)).toBe(true);
    }));

  it("NaN in a query gives NaN in its row alone", () =>
    withoutLeaks(async () => {
      const given = await make();
      const plain = await attend(given, {}, device);
      const { y } = await attend(
        placed(given, ["q"], NaN, (t) => t === 4),
        {},
        device,
      );
      for (const [i, x] of plain.y.entries())
        if (Math.floor(i / WIDTH) === 4) expect(y[i]).toBeNaN();
        else expect(y[i], `y[${i}]`).toBeCloseTo(Number(x), 5);
    }));
});
