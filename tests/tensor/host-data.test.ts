import { Linear } from "@tessera/nn";
import {
  arange,
  ArgumentError,
  cast,
  DTypeError,
  eq,
  eye,
  full,
  logicalAnd,
  ones,
  OutOfMemoryError,
  pad,
  readSafetensors,
  ShapeError,
  sum,
  tensor,
  Tensor,
  writeSafetensors,
  zeros,
  type Backend,
  type DType,
  type HostArray,
  type Nested,
} from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

/** The dtype and the values of a tensor, which is freed. */
const read = async (x: Tensor): Promise<[DType, number[]]> => {
  const values = Array.from(await x.data());
  const { dtype } = x;
  x.dispose();
  return [dtype, values];
};
const any = (data: unknown): HostArray => data as HostArray;

onEveryDevice((device: Backend) => {
  it.each([
    [Float64Array.of(1.25, -2), "float32", [1.25, -2]],
    [Int8Array.of(-5, 3), "int32", [-5, 3]],
    [Int16Array.of(300, -1, 5), "int32", [300, -1, 5]],
    [Uint16Array.of(65535, 1), "int32", [65535, 1]],
    [Uint32Array.of(2147483647), "int32", [2147483647]],
    [BigInt64Array.of(300n, -1n), "int32", [300, -1]],
    [BigUint64Array.of(7n), "int32", [7]],
    [Uint8ClampedArray.of(0, 2, 255), "int32", [0, 2, 255]],
    [Uint8Array.of(0, 2, 255), "int32", [0, 2, 255]],
    [Buffer.from([0, 2, 255]), "int32", [0, 2, 255]],
    [Float32Array.of(9, 1.5, 2.5, 9).subarray(1, 3), "float32", [1.5, 2.5]],
  ] as [HostArray, DType, number[]][])("keeps the numbers of any typed array: %o", (data, dtype, values) =>
    withoutLeaks(async () => expect(await read(tensor(data))).toEqual([dtype, values])),
  );

  it("makes bool 0 or 1 of whatever is not 0", () =>
    withoutLeaks(async () => {
      const bool = { dtype: "bool" } as const;
      expect(await read(tensor(Uint8Array.of(0, 1, 2, 255), undefined, bool))).toEqual(["bool", [0, 1, 1, 1]]);
      expect(await read(tensor(Float64Array.of(0, 1.5, NaN), [3], bool))).toEqual(["bool", [0, 1, 1]]);
      expect(await read(full([2], 5, bool))).toEqual(["bool", [1, 1]]);
      expect(await read(full([1], NaN, bool))).toEqual(["bool", [1]]);
      const [a, b] = [tensor(Uint8Array.of(2, 1), [2], bool), tensor(Uint8Array.of(1, 255), [2], bool)];
      expect(await read(logicalAnd(a, b))).toEqual(["bool", [1, 1]]);
      expect(await read(eq(a, b))).toEqual(["bool", [1, 1]]);
      expect(await read(sum(b))).toEqual(["int32", [2]]);
      expect(await read(pad(a, [1, 1], 0.5))).toEqual(["bool", [1, 1, 1, 1]]);
      const made = Tensor.fromHost(Uint8Array.of(0, 7), [2], "bool", device);
      expect(await read(made)).toEqual(["bool", [0, 1]]);
      device.write(a.storage.buffer, Uint8Array.of(0, 9));
      expect(await read(a)).toEqual(["bool", [0, 1]]);
      b.dispose();
    }));

  it("gives back as bool what data() gave of bool", () =>
    withoutLeaks(async () => {
      const x = tensor([true, false, true]);
      const data = await x.data();
      x.dispose();
      expect(await read(tensor(data, [3], { dtype: "bool" }))).toEqual(["bool", [1, 0, 1]]);
    }));

  it.each([
    [null, /^tensor: data of numbers or booleans expected, .*got null; give the numbers/],
    [undefined, /got undefined/],
    ["12", /got a string/],
    [[1, null], /got null inside an array/],
    [[[undefined]], /got undefined inside an array/],
    // eslint-disable-next-line no-sparse-arrays -- a hole is what is tried
    [[1, , 3], /got undefined inside an array/],
    [[1n], /got a bigint inside an array; make it a number, as in Number\(value\)/],
    [[Float32Array.of(1)], /got a Float32Array inside an array; give one flat typed array and its shape/],
    [new ArrayBuffer(8), /got an ArrayBuffer; wrap its bytes, as in new Float32Array\(buffer\)/],
    [new DataView(new ArrayBuffer(8)), /got a DataView; wrap its bytes/],
    [{ 0: 1 }, /got an Object/],
  ] as [unknown, RegExp][])("refuses data that is none: %o", (data, message) =>
    withoutLeaks(() => {
      expect(() => tensor(data as Nested)).toThrow(ArgumentError);
      expect(() => tensor(data as Nested)).toThrow(message);
    }),
  );

  it("refuses an array that holds itself, and takes one that is longer than the stack is deep", () =>
    withoutLeaks(() => {
      const ring: unknown[] = [];
      ring.push(ring);
      expect(() => tensor(ring as Nested)).toThrow("tensor: at most 64 nested arrays expected, got more");
      tensor(new Array<number>(300000).fill(1)).dispose();
    }));

  it("refuses numbers that int32 cannot hold", () =>
    withoutLeaks(() => {
      const int32 = { dtype: "int32" } as const;
      for (const value of [3e9, -2147483649, NaN, Infinity])
        expect(() => tensor([0, value], undefined, int32)).toThrow(
          `tensor: numbers from -2147483648 to 2147483647 expected for int32, got ${value} at element 1; make it float32`,
        );
      expect(() => tensor(Uint32Array.of(3e9))).toThrow(ArgumentError);
      expect(() => tensor(BigInt64Array.of(2n ** 40n))).toThrow(ArgumentError);
      for (const value of [3e9, 0.5, NaN]) expect(() => full([1], value, int32)).toThrow(DTypeError);
      expect(() => zeros([1], { dtype: "float64" as DType })).toThrow(
        'zeros: a dtype is float32, int32, bool, got "float64"',
      );
    }));

  it("never writes past a tensor, or what is another dtype's", () =>
    withoutLeaks(async () => {
      const others = Array.from({ length: 8 }, () => ones([64]));
      const x = ones([64]);
      for (const wrong of [new Float64Array(64), new Int32Array(64), new Uint8Array(64)])
        expect(() => device.write(x.storage.buffer, wrong as unknown as Float32Array)).toThrow(DTypeError);
      expect(() => device.write(x.storage.buffer, new Float32Array(65))).toThrow(
        `${device.name}: the buffer has room for 64 elements, the data has 65`,
      );
      expect(() => Tensor.fromHost(new Float32Array(3), [2], "float32", device)).toThrow(ShapeError);
      expect(() => Tensor.fromHost(any([1, 2]), [2], "float32", device)).toThrow(
        "tensor: a typed array of numbers expected as data, got an Array; make one, as in Float32Array.from(data)",
      );
      for (const one of [...others, x]) expect((await read(one))[1].every((value) => value === 1)).toBe(true);
    }));

  it("refuses a state of other typed arrays, or of one that is too short, by its key", () =>
    withoutLeaks(async () => {
      const layer = new Linear(2, 2, { bias: false });
      const load = (data: HostArray): unknown =>
        layer.loadStateDict(
          new Map([["weight", { shape: [2, 2], dtype: "float32", data: data as unknown as Float32Array }]]),
        );
      load(Float32Array.of(1, 2, 3, 4));
      expect(() => load(Float64Array.of(5, 6, 7, 8))).toThrow(
        "weight (expected a Float32Array of 4 for float32 [2, 2], got Float64Array of 4)",
      );
      expect(() => load(Float32Array.of(1, 2))).toThrow(
        "weight (expected a Float32Array of 4 for float32 [2, 2], got Float32Array of 2)",
      );
      expect(Array.from(await layer.weight.data())).toEqual([1, 2, 3, 4]);
      layer.dispose();
    }));

  it("counts by fractions as float32, and refuses what does not fit", () =>
    withoutLeaks(async () => {
      expect(await read(arange(0, 1, { step: 0.25 }))).toEqual(["float32", [0, 0.25, 0.5, 0.75]]);
      expect(await read(arange(0.5, 3))).toEqual(["float32", [0.5, 1.5, 2.5]]);
      expect(await read(arange(2147483646, 2147483648))).toEqual(["int32", [2147483646, 2147483647]]);
      expect(() => arange(2147483646, 2147483650)).toThrow(DTypeError);
      expect(() => arange(0, 1, { step: 0.25, dtype: "int32" })).toThrow("arange: a whole start and step expected");
      expect(() => arange(1, 0.5)).toThrow("arange: step 1 does not lead from 1 to 0.5");
      expect(() => arange(0, 1e3, { step: 1e-9 })).toThrow(OutOfMemoryError);
      expect(() => eye(1e6)).toThrow(OutOfMemoryError);
      expect(() => zeros([2 ** 31])).toThrow(OutOfMemoryError);
    }));

  it("casts float32 beyond int32 to its nearer end, and NaN to 0", () =>
    withoutLeaks(async () => {
      const x = tensor([3e9, -3e9, Infinity, -Infinity, NaN, 2147483520, -1.9]);
      expect(await read(cast(x, "int32"))).toEqual([
        "int32",
        [2147483647, -2147483648, 2147483647, -2147483648, 0, 2147483520, -1],
      ]);
      x.dispose();
    }));
});

it("writes no file of other typed arrays, nor of data that do not fill their shape", () => {
  const file = (data: HostArray): Uint8Array =>
    writeSafetensors(new Map([["w", { shape: [2], dtype: "float32", data: data as unknown as Float32Array }]]));
  expect(readSafetensors(file(Float32Array.of(1, 2))).tensors.get("w")!.data).toEqual(Float32Array.of(1, 2));
  expect(() => file(Float64Array.of(1, 2))).toThrow(
    "expected a Float32Array of 2 for float32 [2], got Float64Array of 2",
  );
  expect(() => file(Float32Array.of(1))).toThrow("expected a Float32Array of 2 for float32 [2], got Float32Array of 1");
});
