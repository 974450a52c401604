import { describe, expect, it } from "vitest";
import { FormatError } from "../error.ts";
import { readSafetensors, writeSafetensors, type HostTensor } from "./safetensors.ts";

const file = (header: unknown, data: Uint8Array = new Uint8Array(0), length?: bigint): Uint8Array => {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + text.byteLength + data.byteLength);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(text.byteLength), true);
  out.set(text, 8);
  out.set(data, 8 + text.byteLength);
  return out;
};
const one = (entry: object, bytes = 8): Uint8Array => file({ x: entry }, new Uint8Array(bytes));

describe("safetensors", () => {
  it("reads back what it wrote, bit for bit", () => {
    const tensors = new Map<string, HostTensor>([
      ["b.weight", { shape: [2, 2], dtype: "float32", data: Float32Array.of(1.5, -0, NaN, 1e-42) }],
      ["a", { shape: [], dtype: "int32", data: Int32Array.of(-7) }],
      ["mask", { shape: [3], dtype: "bool", data: Uint8Array.of(1, 0, 1) }],
      ["nothing", { shape: [0, 4], dtype: "float32", data: new Float32Array(0) }],
    ]);
    const read = readSafetensors(writeSafetensors(tensors, { format: "pt" }));
    expect(read.metadata).toEqual({ format: "pt" });
    expect([...read.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, want] of tensors) expect(read.tensors.get(name)).toEqual(want);
  });

  it("writes equal bytes for equal content, whatever the order", () => {
    const x: HostTensor = { shape: [1], dtype: "float32", data: Float32Array.of(1) };
    const y: HostTensor = { shape: [1], dtype: "float32", data: Float32Array.of(2) };
    expect(
      writeSafetensors(
        new Map([
          ["x", x],
          ["y", y],
        ]),
      ),
    ).toEqual(
      writeSafetensors(
        new Map([
          ["y", y],
          ["x", x],
        ]),
      ),
    );
  });

  it("reads a file that starts at an odd address", () => {
    const bytes = writeSafetensors(new Map([["x", { shape: [2], dtype: "float32", data: Float32Array.of(1, 2) }]]));
    const shifted = new Uint8Array(bytes.byteLength + 3);
    shifted.set(bytes, 3);
    expect(readSafetensors(shifted.subarray(3)).tensors.get("x")!.data).toEqual(Float32Array.of(1, 2));
  });

  it("converts halves, bfloats, doubles and wide integers", () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555);
    const read = (dtype: string, data: ArrayBufferView, count: number) =>
      readSafetensors(
        file({ x: { dtype, shape: [count], data_offsets: [0, data.byteLength] } }, new Uint8Array(data.buffer)),
      ).tensors.get("x")!.data;
    expect([...read("F16", halves, 5)]).toEqual([1, -2, 2 ** -24, Infinity, Math.fround(0.333251953125)]);
    expect([...read("BF16", Uint16Array.of(0x3f80, 0xc020), 2)]).toEqual([1, -2.5]);
    expect([...read("F64", Float64Array.of(0.1), 1)]).toEqual([Math.fround(0.1)]);
    expect([...read("I64", BigInt64Array.of(-5n), 1)]).toEqual([-5]);
    expect(() => read("I64", BigInt64Array.of(2n ** 40n), 1)).toThrow(
      /"x" holds 1099511627776, which does not fit into int32/,
    );
  });

  it.each([
    ["a file cut to nothing", new Uint8Array(4), /expected at least 8 bytes, got 4/],
    [
      "a header length beyond the file",
      file({}, new Uint8Array(0), 5000n),
      /the header says it is 5000 bytes long, the file has 2 after its length/,
    ],
    ["a huge header", file({}, new Uint8Array(0), 2n ** 60n), /more than the format's limit/],
    ["a header that is not JSON", file("{nonsense"), /the header is not a JSON object/],
    ["a header that is a list", file("[]"), /the header is not a JSON object/],
    [
      "a range beyond the data",
      one({ dtype: "F32", shape: [4], data_offsets: [0, 16] }),
      /"x" ends at byte 16 of 8; the file is cut short/,
    ],
    ["a negative shape", one({ dtype: "F32", shape: [-2], data_offsets: [0, 8] }), /"x" has shape \[-2\]/],
    [
      "a size that does not match its shape",
      one({ dtype: "F32", shape: [3], data_offsets: [0, 8] }),
      /takes 12 bytes, its range has 8/,
    ],
    [
      "a range that runs backwards",
      one({ dtype: "F32", shape: [2], data_offsets: [8, 0] }),
      /data_offsets \[8,0\], expected a range/,
    ],
    ["an unknown dtype", one({ dtype: "Q4", shape: [2], data_offsets: [0, 8] }), /"x" has dtype Q4/],
    [
      "a shape whose product overflows",
      one({ dtype: "F32", shape: [2 ** 30, 2 ** 30], data_offsets: [0, 8] }),
      /takes .* bytes/,
    ],
    [
      "overlapping ranges",
      file(
        {
          x: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
          y: { dtype: "F32", shape: [2], data_offsets: [4, 12] },
        },
        new Uint8Array(12),
      ),
      /"x" and "y" overlap/,
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(FormatError);
    expect(() => readSafetensors(bytes)).toThrow(message);
  });
});
