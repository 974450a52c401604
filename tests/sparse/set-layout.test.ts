import { valueAndGrad } from "@tessera/autograd";
import { AdamW, SGD, type Optimizer } from "@tessera/nn";
import { BlockLayout, BlockSparseLinear, densify } from "@tessera/sparse";
import { manualSeed, mean, scope, square, tensor, type Backend, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { normals } from "./oracle.ts";

const b = 4;
const layoutOf = (...rows: readonly string[]): BlockLayout =>
  BlockLayout.fromMask(
    rows.map((row) => [...row].map((one) => one === "x")),
    rows.length,
    rows[0]!.length,
    b,
  );
const first = layoutOf("xx.", ".x.", "..x");
// Fewer, more, as many elsewhere, every one, none.
const others = [
  layoutOf("x..", ".x.", "..."),
  layoutOf("xxx", ".xx", "x.x"),
  layoutOf(".xx", "x..", "..x"),
  BlockLayout.dense(3, 3, b),
  layoutOf("...", "...", "..."),
] as const;

/** 12 × 10: the last column of blocks sticks out. */
const make = (layout: BlockLayout, device?: Backend): BlockSparseLinear => {
  manualSeed(4);
  return new BlockSparseLinear(10, 12, { layout, device });
};

const train = (layer: BlockSparseLinear, optimizer: Optimizer, steps: number): void => {
  const loss = valueAndGrad(layer, (x: Tensor) => mean(square(layer.forward(x))));
  for (let t = 0; t < steps; t++) scope((): void => optimizer.step(loss(tensor(normals(50, t), [5, 10])).grads));
};

/** Numbers of each block, by its place. */
const blocksOf = (layout: BlockLayout, values: ArrayLike<number>): Map<string, number[]> => {
  const found = new Map<string, number[]>();
  layout.forEachBlock((row, col, block) =>
    found.set(
      `${row},${col}`,
      Array.from({ length: b * b }, (_, i) => values[block * b * b + i]!),
    ),
  );
  return found;
};

const zero = new Array<number>(b * b).fill(0);

onEveryDevice((device) => {
  describe("setLayout", () => {
    it.each(others.map((next) => [`${next.blocks} of 9`, next] as const))(
      "to %s blocks moves values and moments with their blocks, and new ones begin at zero",
      (_, next) =>
        withoutLeaks(async () => {
          const layer = make(first, device);
          const optimizers = [
            new AdamW(layer.namedParameters(), { lr: 0.01 }),
            new SGD(new Map([["w", layer.values]]), { lr: 0.01, momentum: 0.9 }),
          ] as const;
          train(layer, optimizers[0], 3);
          scope((): void => {
            const only = { namedParameters: () => new Map([["w", layer.values]]) };
            const loss = valueAndGrad(only, (x: Tensor) => mean(square(layer.forward(x))));
            optimizers[1].step(loss(tensor(normals(50, 9), [5, 10])).grads);
          });
          const moments = ["values.expAvg", "values.expAvgSq", "w.momentumBuffer"];
          const read = async (): Promise<Map<string, Map<string, number[]>>> => {
            const states = new Map(optimizers.flatMap((one) => [...one.stateDict().tensors]));
            const tensors = [
              ["values", layer.values] as const,
              ...moments.map((name) => [name, states.get(name)!] as const),
            ];
            return new Map(
              await Promise.all(
                tensors.map(async ([name, x]) => [name, blocksOf(layer.layout, await x.data())] as const),
              ),
            );
          };
          const before = await read();
          layer.setLayout(next, ...optimizers);
          expect(layer.layout.equals(next)).toBe(true);
          expect(layer.values.shape).toEqual([next.blocks, b, b]);
          expect([...(await layer.crowIndices.data())]).toEqual([...next.crowIndices]);
          for (const [name, blocks] of await read())
            for (const [place, block] of blocks) expect(block, name).toEqual(before.get(name)!.get(place) ?? zero);
          expect(await optimizers[0].stateDict().tensors.get("values.step")!.item()).toBe(3);
          // A dense layer of the same numbers computes the same.
          const linear = layer.toLinear();
          const [sparse, dense] = scope(() => {
            const x = tensor(normals(50, 3), [5, 10]);
            return [layer.forward(x), linear.forward(x)];
          });
          const [got, want] = await Promise.all([sparse.data(), dense.data()]);
          for (const [i, one] of got.entries()) expect(one).toBeCloseTo(want[i]!, 5);
          if (next.blocks > 0) train(layer, optimizers[0], 1);
          for (const owner of [sparse, dense, linear, ...optimizers, layer]) owner.dispose();
        }),
    );

    it("to the same layout and back changes no bit of what a training makes", () =>
      withoutLeaks(async () => {
        const whole = BlockLayout.dense(3, 3, b);
        const trained = async (between: (layer: BlockSparseLinear, optimizer: Optimizer) => void) => {
          const layer = make(whole, device);
          const optimizer = new AdamW(layer.namedParameters(), { lr: 0.01 });
          train(layer, optimizer, 2);
          between(layer, optimizer);
          train(layer, optimizer, 2);
          const values = await layer.values.data();
          for (const owner of [optimizer, layer]) owner.dispose();
          return values;
        };
        const plain = await trained(() => undefined);
        expect(await trained((layer, optimizer) => layer.setLayout(BlockLayout.dense(3, 3, b), optimizer))).toEqual(
          plain,
        );
      }));
  });

  it("densify stores every block, and computes what was computed", () =>
    withoutLeaks(async () => {
      const layer = make(first, device);
      const optimizer = new AdamW(layer.namedParameters(), { lr: 0.01 });
      train(layer, optimizer, 2);
      const dense = (): Promise<ArrayLike<number>> => scope(() => ({ read: layer.toDense().data() })).read;
      const before = await dense();
      densify(layer, { optimizers: [optimizer] });
      expect(layer.density).toBe(1);
      expect(await dense()).toEqual(before);
      train(layer, optimizer, 1);
      for (const owner of [optimizer, layer]) owner.dispose();
    }));
});

it("setLayout refuses another grid and other optimisers, and changes nothing", () =>
  withoutLeaks(() => {
    const [layer, other] = [make(first), make(first)];
    const optimizer = new AdamW(other.namedParameters(), { lr: 1 });
    expect(() => layer.setLayout(BlockLayout.dense(2, 3, b))).toThrow(
      "setLayout: expected a layout of 3 × 3 blocks of 4 as before, got 2 × 3 of 4; make a new layer",
    );
    expect(() => layer.setLayout(others[1], optimizer)).toThrow(
      "setLayout: expected optimisers of the layer's values, got one that does not have them; hand it over first?",
    );
    expect(layer.layout).toBe(first);
    for (const owner of [optimizer, layer, other]) owner.dispose();
  }));

it("an optimiser that was not told of another layout says so at its next step", () =>
  withoutLeaks(() => {
    const layer = make(first);
    const optimizer = new AdamW(layer.namedParameters(), { lr: 1 });
    train(layer, optimizer, 1);
    layer.setLayout(others[1]);
    expect(() => train(layer, optimizer, 1)).toThrow(/AdamW.step: expected the gradients of its trainable parameters/);
    for (const owner of [optimizer, layer]) owner.dispose();
  }));
