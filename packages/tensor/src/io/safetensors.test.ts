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
/** A float32 of its own, as a header has it. */
const f32 = (name: string, from: number): string =>
  `"${name}":{"dtype":"F32","shape":[1],"data_offsets":[${from},${from + 4}]}`;
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

  it("reads a header padded with spaces, tensors in any order, and tensors of no element anywhere between", () => {
    const empty = (name: string, at: number): string =>
      `"${name}":{"dtype":"F32","shape":[0,3],"data_offsets":[${at},${at}]}`;
    const header = `{${f32("b", 4)},${empty("x", 4)},${f32("a", 0)},${empty("y", 8)},${empty("z", 0)}}   `;
    const { tensors } = readSafetensors(file(header, new Uint8Array(Float32Array.of(1, 2).buffer)));
    expect([...tensors].map(([name, { data }]) => [name, ...data]).sort()).toEqual([
      ["a", 1],
      ["b", 2],
      ["x"],
      ["y"],
      ["z"],
    ]);
  });

  it("names that every object has are written and read like any others", () => {
    const names = ["1", "__proto__", "constructor", "hasOwnProperty", "toString", ""];
    const given = new Map(
      names.map((name, i) => [name, { shape: [1], dtype: "float32", data: Float32Array.of(i) } as const]),
    );
    const { tensors } = readSafetensors(writeSafetensors(given, { constructor: "mine" }));
    expect(tensors.size).toBe(names.length);
    for (const [name, { data }] of given) expect(tensors.get(name)?.data).toEqual(data);
  });

  it("reads unsigned integers that fit, and refuses numbers that do not", () => {
    const read = (dtype: string, data: ArrayBufferView) => [
      ...readSafetensors(
        file({ x: { dtype, shape: [1], data_offsets: [0, data.byteLength] } }, new Uint8Array(data.buffer)),
      ).tensors.get("x")!.data,
    ];
    expect(read("U16", Uint16Array.of(65535))).toEqual([65535]);
    expect(read("U32", Uint32Array.of(7))).toEqual([7]);
    expect(read("U64", BigUint64Array.of(7n))).toEqual([7]);
    expect(read("F64", Float64Array.of(Infinity))).toEqual([Infinity]);
    expect(() => read("U32", Uint32Array.of(2 ** 31))).toThrow(/holds 2147483648, which does not fit into int32/);
    expect(() => read("F64", Float64Array.of(1e300))).toThrow(/holds 1e\+300, which does not fit into float32/);
  });

  it.each([
    [
      "data of another type",
      { shape: [2], dtype: "float32", data: new Float64Array(2) },
      /expected a Float32Array of 2 .*, got Float64Array of 2/,
    ],
    [
      "fewer data than the shape has",
      { shape: [2], dtype: "float32", data: new Float32Array(1) },
      /got Float32Array of 1/,
    ],
    ["a list", { shape: [1], dtype: "int32", data: [1] }, /expected a Int32Array of 1 for int32 \[1\], got Array/],
    [
      "a dtype that it has no name for",
      { shape: [1], dtype: "float16", data: new Float32Array(1) },
      /expected dtype float32, int32, bool, got float16/,
    ],
    [
      "a shape that is none",
      { shape: [-1], dtype: "bool", data: new Uint8Array(1) },
      /expected a shape of whole numbers from 0 up, got \[-1\]/,
    ],
  ])("refuses to write %s", (_, value, message) => {
    const tensors = new Map([["w", value as unknown as HostTensor]]);
    expect(() => writeSafetensors(tensors)).toThrow(FormatError);
    expect(() => writeSafetensors(tensors)).toThrow(message);
  });

  it("refuses to write names and metadata that no file can hold", () => {
    const x: HostTensor = { shape: [], dtype: "float32", data: Float32Array.of(1) };
    expect(() => writeSafetensors(new Map([["\ud800", x]]))).toThrow(/has half of a character/);
    expect(() => writeSafetensors(new Map(), { a: 1 as unknown as string })).toThrow(
      /metadata "a" is 1, expected a string/,
    );
    expect(() => readSafetensors(new ArrayBuffer(8) as unknown as Uint8Array)).toThrow(
      /expected the bytes of a file as a Uint8Array, got ArrayBuffer/,
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
    [
      "two tensors of one name",
      file(`{${f32("a", 0)},${f32("a", 4)}}`, new Uint8Array(8)),
      /the header is not a JSON object \(the key "a" stands twice in one object, again at line 1\)/,
    ],
    [
      "bytes before the first tensor",
      file(`{${f32("a", 4)}}`, new Uint8Array(8)),
      /4 bytes between the header and "a" belong to no tensor; the format has no holes/,
    ],
    [
      "bytes between two tensors",
      file(`{${f32("a", 0)},${f32("b", 8)}}`, new Uint8Array(12)),
      /4 bytes between "a" and "b" belong to no tensor/,
    ],
    [
      "bytes behind the last tensor",
      file(`{${f32("a", 0)}}`, new Uint8Array(5)),
      /1 bytes behind "a" belong to no tensor; the file is longer than its header says/,
    ],
    ["bytes without any tensor", file("{}", new Uint8Array(5)), /5 bytes behind the header belong to no tensor/],
    [
      "a tensor of no element inside of another",
      file(`{${f32("a", 0)},"b":{"dtype":"F32","shape":[0],"data_offsets":[2,2]}}`, new Uint8Array(4)),
      /"a" and "b" overlap/,
    ],
    [
      "a header that begins with a space",
      file(` {${f32("a", 0)}}`, new Uint8Array(4)),
      /expected { as its first byte, got 0x20/,
    ],
    ["a header of no bytes", new Uint8Array(8), /got a header of no bytes/],
    ["a header that is not UTF-8", file('{"a', new Uint8Array([0xe9, 0x22]), 5n), /its bytes are not UTF-8/],
    ["metadata that are a list", file('{"__metadata__":["x"]}'), /__metadata__ is \["x"\], expected a map of strings/],
    ["metadata of numbers", file('{"__metadata__":{"x":1}}'), /__metadata__ is not a map of strings: "x" is 1/],
    [
      "a dtype that every object has",
      one({ dtype: "toString", shape: [2], data_offsets: [0, 8] }),
      /"x" has dtype toString/,
    ],
    ["an entry without fields of its own", file('{"x":[]}'), /"x" is \[\], expected an object with dtype/],
    ["half of a character in a name", file('{"\\ud800":1}'), /has half of a character in its name/],
    [
      "sizes beyond what numbers tell apart",
      one({ dtype: "F32", shape: [2 ** 53], data_offsets: [0, 8] }),
      /"x" has shape \[9007199254740992\]/,
    ],
    ["20,000 arrays in one another", file(`{"x":${"[".repeat(20000)}${"]".repeat(20000)}}`), /deeper in one another/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(FormatError);
    expect(() => readSafetensors(bytes)).toThrow(message);
  });
});
