import { mul, rand, scope, sub, Tensor, type Backend, type Generator } from "@tessera/tensor";
import type { BlockLayout } from "./block-layout.ts";
import { fanInOfRows, rowFactors } from "./padding.ts";

/** For which layer, where, and with what. */
export interface Draw {
  readonly layout: BlockLayout;
  readonly shape: readonly [number, number];
  readonly device: Backend;
  readonly generator?: Generator | undefined;
}

/** 1/√n for n inputs; 0 for none, as torch does. */
const boundOf = (fanIn: number): number => (fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0);

/** Uniform in ±bounds, element by element; +0 where the bound is 0. */
const uniformWithin = (bounds: Tensor, { device, generator }: Draw): Tensor =>
  sub(mul(mul(rand(bounds.shape, { device, generator }), 2), bounds), bounds);

/** Values `[n, b, b]` uniform in ±1/√n for the n inputs that their row sees; 0 where a block sticks out. */
export const initialValues = (draw: Draw): Tensor =>
  scope(() => {
    const { layout, shape, device } = draw;
    return uniformWithin(rowFactors(layout, shape, fanInOfRows(layout, shape).map(boundOf), device), draw);
  });

/** A bias `[out]` uniform in ±1/√n for the n inputs that its row sees; 0 where it sees none. */
export const initialBias = (draw: Draw): Tensor =>
  scope(() => {
    const { layout, shape, device } = draw;
    const fanIn = fanInOfRows(layout, shape);
    const bounds = Float32Array.from({ length: shape[0] }, (_, o) => boundOf(fanIn[Math.floor(o / layout.blockSize)]!));
    return uniformWithin(Tensor.fromHost(bounds, [shape[0]], "float32", device), draw);
  });
