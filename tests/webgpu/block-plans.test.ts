import { blockIndex, BlockLayout } from "@tessera/sparse";
import { blockSparseLinearOp, ddsOp, sddOp } from "@tessera/sparse/ops/block-matmul";
import { dispose, reference, scope, type Backend, type Tensor } from "@tessera/tensor";
import {
  DEFAULT_PROFILE as standard,
  hasKernels,
  run,
  type DeviceProfile,
  type Form,
  type Op,
  type Signature,
} from "@tessera/tensor/extend";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

/** The op with the text that a GPU's compiler gets, or a software one's, planned for this device. */
const planned = <S extends Signature>(op: Op<S>, form: Form, device: DeviceProfile): Op<S> => {
  if (!hasKernels(op) || op.kernels.webgpu === "none") throw new Error(`${op.name} has no webgpu kernel`);
  const { kernels } = op;
  const { webgpu } = op.kernels;
  const given = { ...device, software: form === "rolled" };
  return { ...op, kernels: { ...kernels, webgpu: { ...webgpu, plan: (call) => webgpu.plan(call, given) } } };
};

onWebgpu("block-sparse plans", (gpu) => {
  interface Case {
    readonly blockSize: number;
    readonly form: Form;
    readonly tokens: number;
    /** Features that the last line of blocks lacks, of the inputs and of the outputs. */
    readonly lack: number;
    readonly device: DeviceProfile;
  }

  /**
   * All products of a matrix of 3 × 2 blocks with an empty row of blocks; without the weight gradient of ragged sizes in the unrolled form,
   * which SwiftShader takes minutes to compile.
   */
  const check = ({ blockSize, form, tokens, lack, device: profile }: Case) =>
    withoutLeaks(async () => {
      const [outputs, inputs] = [3 * blockSize - lack, 2 * blockSize - lack];
      const layout = BlockLayout.fromMask([[1, 1], [0, 0], [0, 1]], 3, 2, blockSize); // prettier-ignore
      const compute = (device: Backend, of: <S extends Signature>(op: Op<S>) => Op<S>): Tensor[] =>
        scope(() => {
          const { index, ...attrs } = blockIndex(layout, [outputs, inputs], device);
          const values = normal(layout.blocks, blockSize, blockSize).make(1, device);
          const [x, dy] = [normal(tokens, inputs).make(2, device), normal(tokens, outputs).make(3, device)];
          const bias = normal(outputs).make(4, device);
          return [
            ...run(of(blockSparseLinearOp), [x, values, null, index], { ...attrs, activation: "none" }),
            ...run(of(blockSparseLinearOp), [x, values, bias, index], { ...attrs, activation: "relu" }),
            ...run(of(ddsOp), [dy, values, index], attrs),
            ...(form === "rolled" || lack === 0 ? run(of(sddOp), [dy, x, index], attrs) : []),
          ].filter((one) => one !== null);
        });
      const got = compute(gpu, (op) => planned(op, form, profile));
      const want = compute(reference, (op) => op);
      for (const [i, one] of want.entries())
        expect(difference(await valuesOf(got[i]!), await valuesOf(one), { relative: 1e-5 }), `output ${i}`).toBeNull();
      dispose([got, want]);
    });

  describe.each([16, 32, 64])("of blocks of %i", (blockSize) => {
    for (const [name, device] of [
      ["", gpu.profile],
      [", in default limits", standard],
    ] as const) {
      it(`multiply whole tiles without a test${name}`, () =>
        check({ blockSize, form: "unrolled", tokens: 256, lack: 0, device }));
      // Tiles of many tokens, which the last of them does not fill.
      it(`multiply many tokens without a test${name}`, () =>
        check({ blockSize, form: "unrolled", tokens: 1005, lack: 0, device }));
      it(`multiply many tokens as vec4s with a test${name}`, () =>
        check({ blockSize, form: "unrolled", tokens: 1005, lack: 4, device }));
      it(`multiply many tokens in their rolled form${name}`, () =>
        check({ blockSize, form: "rolled", tokens: 1005, lack: 3, device }));
      it(`multiply vec4s with a test${name}`, () =>
        check({ blockSize, form: "unrolled", tokens: 37, lack: 4, device }));
      it(`multiply element by element${name}`, () =>
        check({ blockSize, form: "unrolled", tokens: 37, lack: 3, device }));
      it(`multiply in their rolled form${name}`, () =>
        check({ blockSize, form: "rolled", tokens: 131, lack: 3, device }));
    }
  });
});
