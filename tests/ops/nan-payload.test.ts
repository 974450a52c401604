// A NaN is a NaN whatever its other bits are: logarithms, files and other programs make several.
import {
  crossEntropy,
  dispose,
  exp,
  log,
  logSoftmax,
  scaledDotProductAttention,
  scope,
  sigmoid,
  silu,
  softmax,
  softplus,
  tensor,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";

/** Quiet NaNs: with no further bits, with the sign, and with all of them. */
const payloads = new Float32Array(new Uint32Array([0x7fc00000, 0xffc00000, 0xffffffff, 0x7fc00001, 0x7fffffff]).buffer);
const functions: { readonly [name: string]: (x: Tensor) => Tensor } = {
  exp,
  sigmoid,
  silu,
  softplus,
  softmax: (x) => softmax(x, 0),
  logSoftmax: (x) => logSoftmax(x, 0),
  "attention's scores": (x) => {
    const q = x.reshape([1, 1, 5, 1]);
    return scaledDotProductAttention(q, q, q);
  },
  crossEntropy: (x) => crossEntropy(x.reshape([1, 5]), tensor(new Int32Array([0]), [1], { device: x.device })),
};

skippedWithoutGpu("the same on webgpu");
describe.each([oracle, ...devices].map((device) => [device.name, device] as const))("on %s", (_, device: Backend) => {
  it.each(Object.entries(functions))("%s of NaN is NaN, whatever its other bits are", async (_, f) => {
    const given = tensor(payloads, [5], { device });
    const made = scope(() => log(tensor([-1, -1, -1, -1, -1], [5], { device })));
    for (const x of [given, made]) {
      const y = f(x);
      expect([...(await y.data())].every(Number.isNaN)).toBe(true);
      dispose([x, y]);
    }
  });
});
