import type { DeviceProfile } from "../device-profile.ts";
import type { Call, KernelOp, Plan, Planner, Signature } from "../op.ts";
import type { Layout } from "../shape.ts";

interface Entry<Step> {
  readonly inputs: readonly (Layout | null)[];
  readonly outputs: readonly (Layout | null)[];
  readonly attrs: object;
  readonly plan: Plan<Step>;
}

/** Plans kept per op. When there are more, all are dropped, so that ever-changing shapes do not fill memory. */
const MAX_PLANS = 256;

/**
 * Plans of the calls that a device has seen. A planner is pure, so equal calls share one plan. Training steps repeat their calls, and
 * looking a plan up is faster than planning.
 */
export class PlanCache<Step> {
  private readonly device: DeviceProfile;
  private readonly check: (op: KernelOp<Signature>, plan: Plan<Step>) => void;
  private readonly byOp = new WeakMap<
    KernelOp<Signature>,
    { count: number; readonly byHash: Map<number, Entry<Step>[]> }
  >();

  /** `check` sees every new plan, and throws when the device cannot run it. */
  constructor(device: DeviceProfile, check: (op: KernelOp<Signature>, plan: Plan<Step>) => void = () => {}) {
    this.device = device;
    this.check = check;
  }

  of(op: KernelOp<Signature>, planner: Planner<Signature, Step>, call: Call<Signature>): Plan<Step> {
    let known = this.byOp.get(op);
    if (!known) this.byOp.set(op, (known = { count: 0, byHash: new Map<number, Entry<Step>[]>() }));
    const hash = hashOf(call);
    const list = known.byHash.get(hash);
    const found = list?.find(
      ({ inputs, outputs, attrs }) =>
        sameLayouts(inputs, call.inputs) && sameLayouts(outputs, call.outputs) && same(attrs, call.attrs),
    );
    if (found) return found.plan;
    // Layouts alone, so that a plan's error messages keep no tensor alive. Copies, because a caller may change its lists afterwards.
    const kept = { inputs: call.inputs.map(layoutOf), outputs: call.outputs.map(layoutOf), attrs: copyOf(call.attrs) };
    const entry = { ...kept, plan: planner.plan(kept, this.device) };
    this.check(op, entry.plan);
    if (known.count >= MAX_PLANS) {
      known.byHash.clear();
      known.count = 0;
    }
    known.count++;
    const others = known.byHash.get(hash);
    if (others) others.push(entry);
    else known.byHash.set(hash, [entry]);
    return entry.plan;
  }
}

const layoutOf = (x: Layout | null): Layout | null =>
  x && { shape: [...x.shape], dtype: x.dtype, strides: [...x.strides], offset: x.offset };

/** A deep copy of lists and plain objects; all other objects are shared. */
const copyOf = <T>(value: T): T => {
  if (!isPlain(value)) return value;
  const copied = Array.isArray(value)
    ? value.map(copyOf)
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item)]));
  return copied as T;
};

const mix = (hash: number, n: number): number => Math.imul(hash, 31) + n;

const hashOf = ({ inputs, outputs, attrs }: Call<Signature>): number => {
  let hash = 0;
  for (const layouts of [inputs, outputs])
    for (const x of layouts) {
      hash = mix(hash, x ? x.offset : -1);
      if (!x) continue;
      for (let d = 0; d < x.shape.length; d++) hash = mix(mix(hash, x.shape[d]!), x.strides[d]!);
    }
  for (const value of Object.values(attrs))
    if (typeof value === "number" || typeof value === "boolean") hash = mix(hash, Number(value));
  return hash | 0;
};

const sameLayouts = (a: readonly (Layout | null)[], b: readonly (Layout | null)[]): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]];
    if (!x || !y) {
      if (x !== y) return false;
    } else if (
      x.offset !== y.offset ||
      x.dtype !== y.dtype ||
      !sameNumbers(x.shape, y.shape) ||
      !sameNumbers(x.strides, y.strides)
    )
      return false;
  }
  return true;
};

const sameNumbers = (a: readonly number[], b: readonly number[]): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

/** Equal values: lists and plain objects by what they hold, all other objects by identity. */
const same = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true;
  if (!isPlain(a) || !isPlain(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
};

const isPlain = (value: unknown): value is { readonly [name: string]: unknown } => {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
};
