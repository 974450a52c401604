import { vjp } from "@tessera/autograd";
import { BlockLayout, BlockSparseMatrix, blockSparseLinear, gatherBlocks } from "@tessera/sparse";
import { readSafetensors, tensor, type Backend, type HostTensor, type Tensor, type TypedArray } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { ourGoldens } from "../goldens/folder.ts";
import { dataOf } from "../support/data-of.ts";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { worstError } from "./oracle.ts";

interface GoldenCase {
  readonly id: string;
  readonly op: string;
  readonly attrs: { readonly block: number };
  readonly inputs: readonly (readonly number[])[];
}

const { cases } = await ourGoldens.json<{ cases: readonly GoldenCase[] }>("ops.json");
const { tensors } = readSafetensors(await ourGoldens.bytes("ops.safetensors"));
const ours = cases.filter(({ op }) => op === "block_sparse_linear");

const on = (device: Backend, { data, shape, dtype }: HostTensor): Tensor => tensor(data, shape, { dtype, device });

describe("block_sparse_linear of PyTorch", () => {
  it("has cases of several block sizes, one without a block", () => {
    expect(new Set(ours.map(({ attrs }) => attrs.block))).toEqual(new Set([4, 8, 16, 20, 32, 64]));
    const blocks = ours.map(({ id }) => tensors.get(`${id}/in3`)!.data.filter((one: number) => one !== 0).length);
    expect(Math.min(...blocks)).toBe(0);
  });

  for (const device of [oracle, ...devices])
    for (const { id, attrs, inputs } of ours)
      it(`${id} on ${device.name}`, () =>
        withoutLeaks(async () => {
          const golden = (name: string): HostTensor => tensors.get(`${id}/${name}`)!;
          const [rows, cols] = inputs[3] as [number, number];
          const layout = BlockLayout.fromMask(Uint8Array.from(golden("in3").data), rows, cols, attrs.block);
          const [y, dx, dValues, dBias, wantedValues, written] = await dataOf(() => {
            const matrix = BlockSparseMatrix.fromDense(on(device, golden("in1")), layout);
            const f = (x: Tensor, values: Tensor, bias: Tensor): Tensor =>
              blockSparseLinear(x, new BlockSparseMatrix(values, layout, matrix.shape), bias);
            const pulled = vjp(f, on(device, golden("in0")), matrix.values, on(device, golden("in2")));
            const [dx, dValues, dBias] = pulled.pullback(on(device, golden("cotangent0")));
            return [
              pulled.value,
              dx!,
              dValues!,
              dBias!,
              gatherBlocks(on(device, golden("grad1")), matrix),
              new BlockSparseMatrix(dValues!, layout, matrix.shape).toDense(),
            ];
          });
          const near = (got: TypedArray, want: ArrayLike<number>, tolerance: number, name: string): void =>
            expect(worstError(got, want), name).toBeLessThanOrEqual(tolerance);
          near(y, golden("out0").data, 1e-5, "forward");
          near(dx, golden("grad0").data, 1e-4, "input gradient");
          near(dValues, wantedValues, 1e-4, "weight gradient");
          near(dBias, golden("grad2").data, 1e-4, "bias gradient");
          // Outside the blocks the dense gradient is zero, so nothing was lost by gathering it.
          near(written, golden("grad1").data, 1e-4, "the whole weight gradient");
        }));
});
