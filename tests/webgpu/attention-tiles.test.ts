import { reference, scope, tensor, zeros, type Backend, type Tensor } from "@tessera/tensor";
import { defineOp, run } from "@tessera/tensor/extend";
import { ATTENTION_TILES, type AttentionTileName } from "@tessera/tensor/internal/ops/attention/attention-tiles.wgsl";
import { planAttention, planAttentionBackward } from "@tessera/tensor/internal/ops/attention/attention.wgsl";
import {
  attentionBackwardOp,
  attentionOp,
  type AttentionAttrs,
  type AttentionBackwardSignature,
  type AttentionSignature,
} from "@tessera/tensor/ops/attention";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

/** Attention, with what its backward reads, and its backward, on a tile that is given, not chosen. */
const opsWith = (name: AttentionTileName) => ({
  forward: defineOp<AttentionSignature>({
    name: `attention ${name}`,
    infer: (inputs, attrs) => attentionOp.infer(inputs, attrs),
    kernels: {
      reference: () => {},
      cpu: "reference",
      webgpu: { strided: "all", plan: (call, device) => planAttention(call, device, name) },
    },
  }),
  backward: defineOp<AttentionBackwardSignature>({
    name: `attention backward ${name}`,
    infer: (inputs, attrs) => attentionBackwardOp.infer(inputs, attrs),
    kernels: {
      reference: () => {},
      cpu: "reference",
      webgpu: { strided: [0, 1, 2, 3, 4], plan: (call, device) => planAttentionBackward(call, device, name) },
    },
  }),
});
/** Sizes: queries, keys, features of keys and of values. */
interface Shapes {
  readonly padding: boolean;
  readonly sizes: readonly [queries: number, keys: number, width: number, valueWidth: number];
}
// Beyond one tile of queries and of keys, off its width and the vec4's.
const ragged: Shapes = { padding: false, sizes: [35, 41, 9, 6] };
const padded: Shapes = { padding: true, sizes: [37, 37, 20, 12] };
// Rows of several chunks, the last of them not full, and too wide for all keys of a tile to be there at once.
const wide: Shapes = { padding: false, sizes: [18, 34, 68, 132] };

const onReference = { forward: { ...attentionOp, extras: 0 }, backward: attentionBackwardOp };

const plain: AttentionAttrs = { scale: 0.3, causal: false, skipPaddedQueries: false, dropoutP: 0 };
const draw = { seedLow: 5, seedHigh: 6, counter: 2 ** 32 + 7 };

onWebgpu("attention's tiles", (gpu) => {
  const evaluate = (
    ops: ReturnType<typeof opsWith>,
    attrs: AttentionAttrs,
    { padding, sizes: [queries, keys, width, valueWidth] }: Shapes,
    device: Backend,
  ): Tensor[] =>
    scope(() => {
      const make = (seed: number, ...shape: number[]): Tensor => normal(...shape).make(seed, device);
      const q = make(1, 2, queries, 2, width);
      const k = make(2, 2, keys, 2, width);
      const v = make(3, 2, keys, 2, valueWidth);
      const shown = Uint8Array.from({ length: 2 * keys }, (_, i) => Number(i % keys < (i < keys ? 18 : keys - 1)));
      const mask = padding ? tensor(shown, [2, 1, 1, keys], { dtype: "bool", device }) : null;
      const [y, lse] = run(ops.forward, [q, k, v, mask], attrs, draw);
      const gradients = run(ops.backward, [make(4, ...y.shape), q, k, v, mask, y, lse!], attrs, draw);
      return [y, ...gradients];
    });
  const check = async (name: AttentionTileName, attrs: AttentionAttrs, shapes: Shapes): Promise<void> =>
    withoutLeaks(async () => {
      const got = evaluate(opsWith(name), attrs, shapes, gpu);
      const want = evaluate(onReference, attrs, shapes, reference);
      for (const [i, x] of want.entries())
        expect(
          difference(await valuesOf(got[i]!), await valuesOf(x), { relative: i === 0 ? 1e-5 : 1e-4 }),
          ["y", "dq", "dk", "dv"][i],
        ).toBeNull();
      for (const x of [...got, ...want]) x.dispose();
    });

  it("refuses heads of which not even a row fits into workgroup memory, by text", () => {
    const room = gpu.profile.limits.maxComputeWorkgroupStorageSize;
    const q = zeros([1, 1, 1, room / 4], { device: gpu });
    expect(() => run(attentionOp, [q, q, q, null], plain, draw)).toThrow(
      `attention: heads of ${room / 4} and ${room / 4} features do not fit into ${room} bytes of workgroup memory on webgpu; use more heads, or another device`,
    );
    q.dispose();
  });

  describe.each(Object.keys(ATTENTION_TILES) as AttentionTileName[])("%s", (name) => {
    it("attends and gives gradients, at sizes that it does not divide", () => check(name, plain, ragged));
    it("takes heads wider than what it brings at a time", () => check(name, plain, wide));
    it("drops weights and skips padding as the reference does, causal", () =>
      check(name, { ...plain, causal: true, skipPaddedQueries: true, dropoutP: 0.3 }, padded));
  });
});
