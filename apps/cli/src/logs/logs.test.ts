import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatCsv } from "./format-csv.ts";
import { formatLogCsv } from "./format-log-csv.ts";
import { scalarsOf } from "./log-entries.ts";
import { crc32c, maskedCrc32c } from "./masked-crc32c.ts";
import { formatModelCard } from "./model-card.ts";
import { encodeTensorBoardEvents, type ScalarEvent } from "./tensorboard-events.ts";
import { toTrainerState } from "./trainer-state.ts";

test("the checksum is CRC-32C: the vectors of RFC 3720, B.4", () => {
  const descending = Uint8Array.from({ length: 32 }, (_, i) => 31 - i);
  expect(crc32c(new Uint8Array(32)).toString(16)).toBe("8a9136aa");
  expect(crc32c(new Uint8Array(32).fill(255)).toString(16)).toBe("62a8ab43");
  expect(crc32c(descending.toReversed()).toString(16)).toBe("46dd794e");
  expect(crc32c(descending).toString(16)).toBe("113fdb5c");
  expect(crc32c(new TextEncoder().encode("123456789")).toString(16)).toBe("e3069283");
});

/** Reads protocol buffers without a schema: the fields of a message in their order. */
const readFields = (bytes: Uint8Array): { field: number; value: number | Uint8Array }[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const readVarint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  const fields: { field: number; value: number | Uint8Array }[] = [];
  while (at < bytes.length) {
    const key = readVarint();
    const field = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        fields.push({ field, value: readVarint() });
        break;
      case 1:
        fields.push({ field, value: view.getFloat64(at, true) });
        at += 8;
        break;
      case 2: {
        const length = readVarint();
        fields.push({ field, value: bytes.subarray(at, at + length) });
        at += length;
        break;
      }
      case 5:
        fields.push({ field, value: view.getFloat32(at, true) });
        at += 4;
        break;
      default:
        throw new Error(`wire type ${key % 8}`);
    }
  }
  return fields;
};

/** Reads an event file, and checks both checksums of each record. */
const readEvents = (file: Uint8Array): (ScalarEvent | string)[] => {
  const view = new DataView(file.buffer, file.byteOffset);
  const found: (ScalarEvent | string)[] = [];
  let at = 0;
  while (at < file.length) {
    const length = Number(view.getBigUint64(at, true));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 8, true)).toBe(maskedCrc32c(file.subarray(at, at + 8)));
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedCrc32c(data));
    at += 16 + length;
    const fields = new Map(readFields(data).map(({ field, value }) => [field, value]));
    const version = fields.get(3);
    if (version instanceof Uint8Array) {
      found.push(new TextDecoder().decode(version));
      continue;
    }
    const inner = readFields(fields.get(5) as Uint8Array)[0]!.value;
    const value = new Map(readFields(inner as Uint8Array).map((each) => [each.field, each.value]));
    found.push({
      tag: new TextDecoder().decode(value.get(1) as Uint8Array),
      value: value.get(2) as number,
      step: fields.get(2) as number,
      wallTime: fields.get(1) as number,
    });
  }
  return found;
};

const scalars: ScalarEvent[] = [
  { tag: "train/loss", step: 1, value: 2.5, wallTime: 1_700_000_000.25 },
  { tag: "eval/accuracy", step: 300, value: 0.75, wallTime: 1_700_000_001 },
  { tag: `sparsity/density/${"layer.".repeat(40)}Größe`, step: 2 ** 40, value: -0.125, wallTime: 1_700_000_002 },
];

test("an event file says its version, and what was put in", () => {
  expect(readEvents(encodeTensorBoardEvents(scalars))).toEqual(["brain.Event:2", ...scalars]);
  expect(readEvents(encodeTensorBoardEvents([]))).toEqual(["brain.Event:2"]);
});

test("the mask of the checksum is TensorFlow's", () => {
  // The head of a record of 24 bytes, as every event file of TensorFlow begins: its length and the checksum of that.
  const head = Uint8Array.of(24, 0, 0, 0, 0, 0, 0, 0);
  expect(maskedCrc32c(head)).toBe(0x224b7fa3);
});

const python = spawnSync("python3", ["-c", "import tensorboard"]).status === 0;

test.skipIf(!python)("TensorBoard reads the file, where it is installed", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "tessera-"));
  try {
    await writeFile(join(folder, "events.out.tfevents.1.tessera"), encodeTensorBoardEvents(scalars));
    const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]); events.Reload()
print(json.dumps([[tag, e.step, e.value, e.wall_time] for tag in events.Tags()["scalars"] for e in events.Scalars(tag)]))`;
    const { stdout, stderr } = spawnSync("python3", ["-c", script, folder], { encoding: "utf8" });
    expect(JSON.parse(stdout || stderr)).toEqual(
      expect.arrayContaining(scalars.map(({ tag, step, value, wallTime }) => [tag, step, value, wallTime])),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

const log = [
  {
    event: "train",
    step: 10,
    steps: 20,
    loss: 2,
    lr: 0.1,
    gradNorm: 1,
    tokensPerSecond: 100,
    seconds: 4,
    etaSeconds: 4,
  },
  { event: "sparsity", step: 10, callback: "rigl", dropped: 2, grown: 2, density: 0.5, layers: { "a,b": 0.5 } },
  { event: "eval", step: 20, loss: 1.5, accuracy: 0.75, count: 8 },
  { event: "best", step: 20, metric: "loss", value: 1.5, at: 20 },
];

test("every number of a log is a scalar of its event and time", () => {
  expect(scalarsOf(log).map(({ tag, step, value, seconds }) => [tag, step, value, seconds])).toEqual([
    ["train/loss", 10, 2, 4],
    ["train/lr", 10, 0.1, 4],
    ["train/gradNorm", 10, 1, 4],
    ["train/tokensPerSecond", 10, 100, 4],
    ["sparsity/dropped", 10, 2, 4],
    ["sparsity/grown", 10, 2, 4],
    ["sparsity/density", 10, 0.5, 4],
    ["sparsity/density/a,b", 10, 0.5, 4],
    ["eval/loss", 20, 1.5, 4],
    ["eval/accuracy", 20, 0.75, 4],
    ["eval/count", 20, 8, 4],
    ["best/value", 20, 1.5, 4],
    ["best/at", 20, 20, 4],
  ]);
});

test("CSV quotes what has a comma, a quote or a line end", () => {
  expect(
    formatCsv(
      ["a", "b,c"],
      [
        ['say "x"', undefined],
        ["two\nlines", 0.1],
      ],
    ),
  ).toBe('a,"b,c"\r\n"say ""x""",\r\n"two\nlines",0.1\r\n');
});

test("a log as CSV has a line a step", () => {
  expect(
    formatLogCsv(log)
      .split("\r\n")
      .map((line) => line.split(",").length),
  ).toEqual([13, 13, 13, 1]);
  expect(formatLogCsv(log)).toContain("\r\n20,,,,,,,,1.5,0.75,8,1.5,20\r\n");
});

test("a trainer state has the names of transformers", () => {
  const state = toTrainerState(log, { steps: 20, batchSize: 4, examples: 16, loggingSteps: 10 });
  expect(state).toMatchObject({
    global_step: 20,
    max_steps: 20,
    epoch: 5,
    num_train_epochs: 5,
    best_metric: 1.5,
    best_global_step: 20,
    log_history: [
      { loss: 2, learning_rate: 0.1, grad_norm: 1, step: 10, epoch: 2.5 },
      { sparsity_density: 0.5, step: 10 },
      { eval_loss: 1.5, eval_accuracy: 0.75, step: 20, epoch: 5 },
    ],
  });
});

test("a model card tells task, data, layout, scores and command", () => {
  const card = formatModelCard({
    task: "text-classification",
    model: "RobertaForSequenceClassification",
    parameters: 12345,
    data: 'texts "of" mine',
    labels: ["a", "b"],
    layers: [{ name: "up|down", density: 0.5, blockSize: 8 }],
    sparsity: "by magnitude",
    scores: { accuracy: 0.75, loss: 0.5 },
    command: "tessera finetune x",
  });
  expect(card).toMatch(/^---\nlibrary_name: tessera\npipeline_tag: text-classification\n/);
  expect(card).toContain('name: "texts \\"of\\" mine"');
  expect(card).toContain("- Model: RobertaForSequenceClassification, 12,345 parameters");
  expect(card).toContain("1 block-sparse layers, by magnitude");
  expect(card).toContain("| `up\\|down` | 0.5 | 8 × 8 |");
  expect(card).toContain("| accuracy | 0.75 |");
  expect(card).toContain("```sh\ntessera finetune x\n```");
});
