import { vjp } from "@tessera/autograd";
import { dispose, scope, tensor, type Backend, type HostTensor, type Tensor } from "@tessera/tensor";
import { difference, valuesOf, type Bound, type Values } from "../support/close.ts";
import type { Tolerance } from "../support/sample.ts";
import { edgeDifferences, isDenormal, type EdgeDifference } from "./edge-differences.ts";
import type { GoldenFolder} from "./folder.ts";
import { upload, type GoldenTensors } from "./folder.ts";
import { laterOps, type LaterOp } from "./index-ops.ts";
import { goldenOps, type GoldenOp } from "./op-table.ts";
import type { CaseResult } from "./result.ts";

interface OpCase {
  readonly id: string;
  readonly op: string;
  readonly attrs: { readonly [name: string]: unknown };
  readonly inputs: readonly (readonly number[])[];
  readonly dtypes: readonly string[];
  readonly outputs: readonly (readonly number[])[];
  readonly grads: readonly number[];
  /** A bound that the suite itself sets; the looser one of it and ours counts. */
  readonly tol?: Bound;
}

/** The folder of edge cases: each element counts by itself there, except where a difference is meant. */
const EDGES = "edges";

/** Every entry of ops.json, or every so many: outputs, and the gradients of Σ output · cotangent. */
export async function* checkOps(folder: GoldenFolder, device: Backend, every = 1): AsyncGenerator<CaseResult> {
  const edges = folder.name === EDGES;
  const used = new Set<EdgeDifference>();
  const { cases } = await folder.json<{ cases: readonly OpCase[] }>("ops.json");
  const stored = await folder.tensors("ops.safetensors");
  for (const one of cases.filter((_, i) => i % every === 0)) {
    const row = goldenOps[one.op];
    if (!row) yield { id: one.id, missing: one.op };
    else yield { id: one.id, failures: await failuresOf(one, row, stored, device, edges ? used : null) };
  }
  // Of some cases nothing can be said of the differences that were not met.
  if (!edges || every > 1) return;
  for (const difference of edgeDifferences)
    if (isOn(difference, device) && !used.has(difference))
      yield { id: `${difference.op} ${difference.of} at ${difference.at}`, failures: ["agrees with torch: no difference to excuse"] };
}

const isOn = ({ devices }: EdgeDifference, { name }: Backend): boolean => devices === undefined || devices.includes(name);

/** What came, with torch's values where a difference is meant; those are added to `used`. */
const excused = (
  got: Values,
  want: ArrayLike<number>,
  { op, part, device, used }: { readonly op: string; readonly part: string; readonly device: Backend; readonly used: Set<EdgeDifference> },
): Values => {
  const of = part.startsWith("out") ? "value" : "gradient";
  const meant = edgeDifferences.filter((one) => one.op === op && one.of === of && isOn(one, device));
  const values = Array.from(got.values);
  for (const difference of meant)
    for (const [i, value] of values.entries()) {
      if (Object.is(value, want[i]) || value === want[i] || !difference.excuses(value, want[i]!)) continue;
      used.add(difference);
      values[i] = want[i]!;
    }
  return { ...got, values };
};

/** `got`, with torch's values in the rows in which some input has a denormal number, which webgpu may take for 0. */
const withoutDenormals = (got: Values, want: ArrayLike<number>, one: OpCase, stored: GoldenTensors): Values => {
  const rows = one.inputs[0]?.[0];
  if (!rows) return got;
  const touched = new Set<number>();
  for (const [i, shape] of one.inputs.entries()) {
    if (shape[0] !== rows) continue;
    const { data } = stored.get(`${one.id}/in${i}`, shape, one.dtypes[i]);
    for (let at = 0; at < data.length; at++) if (isDenormal(data[at]!)) touched.add(Math.floor((at * rows) / data.length));
  }
  const { length } = got.values;
  const values = Array.from(got.values, (value, i) => (touched.has(Math.floor((i * rows) / length)) || isDenormal(want[i]!) ? want[i]! : value));
  return { ...got, values };
};

/** A tolerance of the largest element says nothing beside 3e38. */
const ofEach = (within: Tolerance): Tolerance => (typeof within === "object" && "relative" in within ? { each: within.relative } : within);

const failuresOf = async (
  one: OpCase,
  row: GoldenOp,
  stored: GoldenTensors,
  device: Backend,
  /** Differences that were met; null: none is meant. */
  used: Set<EdgeDifference> | null,
): Promise<string[]> => {
  try {
    const later = laterOps[one.op];
    const { outputs, gradients } = later ? await evaluateLater(one, later, stored, device) : scope(() => evaluate(one, row, stored, device));
    const failures: string[] = [];
    const compare = async (got: Tensor | null | undefined, name: string, shape: readonly number[], within: GoldenOp["forward"]): Promise<void> => {
      if (!got) return void failures.push(`${name}: no such tensor came out`);
      const want = stored.get(`${one.id}/${name}`, shape);
      const values = await valuesOf(got);
      // Booleans are stored as bytes.
      const dtype = want.dtype === "int32" && values.dtype === "bool" ? "bool" : want.dtype;
      const wanted = { shape, dtype, values: want.data };
      const comparable = device.name === "webgpu" ? withoutDenormals(values, want.data, one, stored) : values;
      const why = used
        ? difference(excused(comparable, want.data, { op: one.op, part: name, device, used }), wanted, ofEach(within), one.tol)
        : difference(values, wanted, within, one.tol);
      if (why) failures.push(`${name}: ${why}`);
    };
    for (const [i, shape] of one.outputs.entries()) await compare(outputs[i], `out${i}`, shape, row.forward);
    if (outputs.length !== one.outputs.length) failures.push(`${outputs.length} outputs, expected ${one.outputs.length}`);
    for (const i of one.grads) await compare(gradients[i], `grad${i}`, one.inputs[i]!, row.gradient);
    dispose([outputs, gradients]);
    return failures;
  } catch (error) {
    return [`${(error as Error).name}: ${(error as Error).message}`];
  }
};

const inputsOf = (one: OpCase, stored: GoldenTensors, device: Backend): { inputs: Tensor[]; onFile: HostTensor["data"][] } => {
  const given = one.inputs.map((shape, i) => stored.get(`${one.id}/in${i}`, shape, one.dtypes[i]));
  return { inputs: given.map((input, i) => upload(input, one.dtypes[i]!, device)), onFile: given.map(({ data }) => data) };
};

/** Of an op whose shape depends on data, which answers later and outside of scopes. */
const evaluateLater = async (one: OpCase, later: LaterOp, stored: GoldenTensors, device: Backend) => {
  const { inputs } = inputsOf(one, stored, device);
  try {
    return { outputs: [await later(inputs, one.attrs)], gradients: [] };
  } finally {
    dispose(inputs);
  }
};

const evaluate = (one: OpCase, row: GoldenOp, stored: GoldenTensors, device: Backend) => {
  const { inputs, onFile } = inputsOf(one, stored, device);
  const call = (...xs: Tensor[]): Tensor[] => {
    const result = row.call(xs, one.attrs, onFile);
    return Array.isArray(result) ? result : [result];
  };
  if (one.grads.length === 0) return { outputs: call(...inputs), gradients: [] };
  const { value, pullback } = vjp(call, ...inputs);
  const cotangents = value.map((output, i) => {
    const { data } = stored.get(`${one.id}/cotangent${i}`, output.shape);
    return tensor(data, output.shape, { device });
  });
  return { outputs: value, gradients: pullback(cotangents) };
};
