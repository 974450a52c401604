// An ONNX model with one node, in protobuf's wire format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

const FLOAT = 1;
const IR_VERSION = 8;
const OPSET = 13;

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
};

const int = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...content,
];
const text = (field: number, value: string): number[] => bytes(field, [...new TextEncoder().encode(value)]);

/** ValueInfoProto: a float32 tensor by name and shape. */
const valueInfo = (name: string, shape: readonly number[]): number[] => {
  const dims = shape.flatMap((size) => bytes(1, int(1, size)));
  const tensorType = [...int(1, FLOAT), ...bytes(2, dims)];
  return [...text(1, name), ...bytes(2, bytes(1, tensorType))];
};

/** c = a b. */
export const matmulModel = (a: readonly [number, number], b: readonly [number, number]): Uint8Array => {
  const node = [...text(1, "a"), ...text(1, "b"), ...text(2, "c"), ...text(4, "MatMul")];
  const graph = [
    ...bytes(1, node),
    ...text(2, "product"),
    ...bytes(11, valueInfo("a", a)),
    ...bytes(11, valueInfo("b", b)),
    ...bytes(12, valueInfo("c", [a[0], b[1]])),
  ];
  return Uint8Array.from([...int(1, IR_VERSION), ...bytes(7, graph), ...bytes(8, [...text(1, ""), ...int(2, OPSET)])]);
};
