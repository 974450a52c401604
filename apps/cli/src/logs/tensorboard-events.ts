import { maskedCrc32c } from "./masked-crc32c.ts";

/** One number of a training at a step. */
export interface ScalarEvent {
  /** The name of the chart: `train/loss`. */
  readonly tag: string;
  readonly step: number;
  readonly value: number;
  /** Seconds since 1970. */
  readonly wallTime: number;
}

const encoder = new TextEncoder();

/** A number in 7 bits a byte, lowest first, as protocol buffers write whole numbers. */
const varint = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
};

/** Wire types of protocol buffers. {@link https://protobuf.dev/programming-guides/encoding/ Encoding} */
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];
const key = (field: number, type: number): number => (field << 3) | type;

const fixed = (size: 4 | 8, value: number): Uint8Array => {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 8) view.setFloat64(0, value, true);
  else view.setFloat32(0, value, true);
  return bytes;
};

const bytesField = (field: number, bytes: Uint8Array): number[] => [
  key(field, BYTES),
  ...varint(bytes.length),
  ...bytes,
];

/** `Event { double wall_time = 1; int64 step = 2; oneof { string file_version = 3; Summary summary = 5; } }` */
const event = (wallTime: number, step: number, what: readonly number[]): Uint8Array =>
  Uint8Array.from([key(1, FIXED64), ...fixed(8, wallTime), key(2, VARINT), ...varint(step), ...what]);

/** `Summary { repeated Value value = 1; }`, `Value { string tag = 1; float simple_value = 2; }` */
const scalar = ({ tag, step, value, wallTime }: ScalarEvent): Uint8Array => {
  const inner = [...bytesField(1, encoder.encode(tag)), key(2, FIXED32), ...fixed(4, value)];
  const summary = bytesField(1, Uint8Array.from(inner));
  return event(wallTime, step, bytesField(5, Uint8Array.from(summary)));
};

/** A TFRecord: length (8 bytes), its checksum, the data, its checksum; all little-endian. */
const record = (data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
};

/**
 * Writes scalars as the contents of a TensorBoard event file. TensorBoard shows files whose names have `tfevents` in them.
 *
 * {@link https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto event.proto},
 * {@link https://www.tensorflow.org/tutorials/load_data/tfrecord TFRecord}
 */
export const encodeTensorBoardEvents = (events: readonly ScalarEvent[]): Uint8Array => {
  const version = event(events[0]?.wallTime ?? 0, 0, bytesField(3, encoder.encode("brain.Event:2")));
  const records = [version, ...events.map(scalar)].map(record);
  const out = new Uint8Array(records.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const each of records) {
    out.set(each, at);
    at += each.length;
  }
  return out;
};
