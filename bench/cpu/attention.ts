import { scope, tensor, type Tensor } from "@tessera/tensor";
import { run, withRecorder, type Recorder } from "@tessera/tensor/extend";
import { attentionBackwardOp, attentionOp, type AttentionAttrs } from "@tessera/tensor/ops/attention";
import { checkEntries, near } from "../check.ts";
import { manyNormals } from "../random-data.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import { race, type Timing } from "../timing.ts";
import { inner, logSumExp } from "./float64-rows.ts";

const LENGTHS = [64, 512, 2048];
const QUICK = [32];
const HEADS = 12;
const WIDTH = 64;
/** Tokens of a batch, whatever their length. */
const TOKENS = 4096;
/** Of each row, at its end. */
const PADDED = 0.25;

interface Record {
  readonly tokens: number;
  readonly batch: number;
  readonly padded: boolean;
  readonly forward: Speed;
  readonly backward: Speed;
}
interface Speed {
  readonly medianMs: number;
  readonly bestMs: number;
  readonly bestGflops: number;
  readonly shareOfPeak: number;
  readonly noisy: boolean;
}

/** Fused attention, forward and backward, for short and long rows, full and with padding at their ends. */
export const attention = async (setting: Setting): Promise<Table> => {
  const records: Record[] = [];
  for (const tokens of setting.quick ? QUICK : LENGTHS)
    for (const padded of [false, true]) {
      setting.say(`attention, ${tokens} tokens${padded ? ", padded" : ""}`);
      records.push(await measure(tokens, padded, setting));
    }
  const { threads } = setting;
  return makeTable(
    `Attention on ${threads} ${threads === 1 ? "thread" : "threads"}, ${HEADS} heads of ${WIDTH}`,
    records,
    columns,
    [
      "GFLOP/s count the products of queries and keys that are not padding: two forward, five backward, which makes the scores again. Share: of the measured peak.",
      `padded: the last ${percent(PADDED)} of each row's keys are masked, and as many queries skipped. ~: a noisy cell.`,
    ],
  );
};

const measure = async (tokens: number, padded: boolean, { quick, pace, peak }: Setting): Promise<Record> => {
  const batch = quick ? 2 : TOKENS / tokens;
  const shape = [batch, tokens, HEADS, WIDTH];
  const count = batch * tokens * HEADS * WIDTH;
  const host = {
    q: manyNormals(count, 1),
    k: manyNormals(count, 2),
    v: manyNormals(count, 3),
    dy: manyNormals(count, 4),
  };
  const [q, k, v, dy] = [host.q, host.k, host.v, host.dy].map((values) => tensor(values, shape)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const used = padded ? Math.round((1 - PADDED) * tokens) : tokens;
  const mask = padded
    ? tensor(
        Uint8Array.from({ length: batch * tokens }, (_, at) => Number(at % tokens < used)),
        [batch, 1, 1, tokens],
        { dtype: "bool" },
      )
    : null;
  const attrs: AttentionAttrs = { scale: 1 / Math.sqrt(WIDTH), causal: false, skipPaddedQueries: padded, dropoutP: 0 };
  // Nothing is dropped, so nothing is drawn.
  const draw = { seedLow: 0, seedHigh: 0, counter: 0 };
  // The backward reads what the forward leaves only where something records it.
  const recorder: Recorder = { wants: () => true, record: () => {} };
  const [y, lse] = withRecorder(recorder, () => run(attentionOp, [q, k, v, mask], attrs, draw)) as [Tensor, Tensor];
  const backward = (): [Tensor, Tensor, Tensor] => run(attentionBackwardOp, [dy, q, k, v, mask, y, lse], attrs, draw);
  check(
    host,
    { tokens, used },
    y.dataSync(),
    scope(() => backward()[0].dataSync()),
  );

  const timings = await race(
    [
      { name: "forward", run: () => scope((): void => void run(attentionOp, [q, k, v, mask], attrs, draw)) },
      { name: "backward", run: () => scope((): void => void backward()) },
    ],
    { ...pace, seconds: pace.seconds / 2 },
  );
  for (const each of [q, k, v, dy, mask, y, lse]) each?.dispose();
  const product = 2 * batch * HEADS * used * used * WIDTH;
  const speed = ({ median, best, noisy }: Timing, products: number): Speed => ({
    medianMs: 1000 * median,
    bestMs: 1000 * best,
    bestGflops: (products * product) / best / 1e9,
    shareOfPeak: (products * product) / best / peak.flops,
    noisy,
  });
  return { tokens, batch, padded, forward: speed(timings.forward, 2), backward: speed(timings.backward, 5) };
};

interface Host {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly dy: Float32Array;
}

/** Entries of y and of dq against their formulas: p = softmax(s q kᵀ), y = p v, dq = s (p ∘ (dy vᵀ − ⟨dy, y⟩)) k. */
const check = (
  { q, k, v, dy }: Host,
  { tokens, used }: { readonly tokens: number; readonly used: number },
  y: ArrayLike<number>,
  dq: ArrayLike<number>,
): void => {
  const scale = 1 / Math.sqrt(WIDTH);
  const rowOf = (values: Float32Array, batch: number, token: number, head: number): Float32Array => {
    const start = ((batch * tokens + token) * HEADS + head) * WIDTH;
    return values.subarray(start, start + WIDTH);
  };
  const entry = (at: number): { y: number; dq: number } => {
    const column = at % WIDTH;
    const head = Math.floor(at / WIDTH) % HEADS;
    const token = Math.floor(at / (WIDTH * HEADS)) % tokens;
    const batch = Math.floor(at / (WIDTH * HEADS * tokens));
    if (token >= used) return { y: 0, dq: 0 };
    const keys = Array.from({ length: used }, (_, key) => key);
    const scores = keys.map((key) => scale * inner(rowOf(q, batch, token, head), rowOf(k, batch, key, head)));
    const total = logSumExp(scores);
    const p = scores.map((score) => Math.exp(score - total));
    const dp = keys.map((key) => inner(rowOf(dy, batch, token, head), rowOf(v, batch, key, head)));
    const mean = inner(p, dp);
    const weighted = (values: Float32Array, weight: (key: number) => number): number =>
      keys.reduce((sum, key) => sum + weight(key) * rowOf(values, batch, key, head)[column]!, 0);
    return {
      y: weighted(v, (key) => p[key]!),
      dq: scale * weighted(k, (key) => p[key]! * (dp[key]! - mean)),
    };
  };
  const entries = 50;
  checkEntries("attention", y, q.length, (at) => near(entry(at).y, 512, 1), entries);
  checkEntries("attention backward", dq, q.length, (at) => near(entry(at).dq, 1024, 4), entries);
};

const show = ({ medianMs, bestMs, bestGflops, shareOfPeak, noisy }: Speed): string =>
  `${noisy ? "~" : ""}${digits(medianMs)} (${digits(bestMs)}) ms ${digits(bestGflops)} ${percent(shareOfPeak)}`;

const columns: readonly Column<Record>[] = [
  { label: "batch × tokens", cell: ({ batch, tokens, padded }) => `${batch} × ${tokens}${padded ? " padded" : ""}` },
  { label: "forward, GFLOP/s, share", cell: ({ forward }) => show(forward) },
  { label: "backward, GFLOP/s, share", cell: ({ backward }) => show(backward) },
];
