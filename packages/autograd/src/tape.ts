import { add, Parameter, scope, zeros, type Tensor } from "@tessera/tensor";
import { activeRecorders, type Recorded, type Recorder } from "@tessera/tensor/extend";
import {
  notDifferentiable,
  onceDifferentiable,
  ruleOf,
  type AnyRecompute,
  type AnySeen,
  type AnyVjp,
  type Reads,
} from "./define-vjps.ts";
import { GradientError } from "./gradient-error.ts";
import { Kept, tensorsOf } from "./kept.ts";
import { unbroadcast } from "./unbroadcast.ts";

/** One recorded step: from gradients of its outputs to gradients of its inputs. */
interface Entry {
  readonly inputIds: readonly (number | null)[];
  readonly needs: readonly boolean[];
  readonly shapes: readonly (readonly number[] | null)[];
  readonly outputIds: readonly (number | null)[];
  /** What a zero gradient for an output looks like; `null` where the output has none. */
  readonly zeros: readonly ((() => Tensor) | null)[];
  pull(dy: readonly (Tensor | null)[], takeSum: (input: number) => Tensor | null): readonly (Tensor | null)[];
  release(): void;
}

/** The tapes that watch now, innermost last. */
const activeTapes = (): readonly Tape[] => activeRecorders().filter((recorder) => recorder instanceof Tape);

/** What a rule recomputes from inputs when another tape records its backward step. */
class Recomputed {
  private readonly op: string;
  private readonly recompute: AnyRecompute;
  private readonly ids: readonly number[];
  private readonly kept: Kept | null;

  constructor(tape: Tape, op: string, recompute: AnyRecompute, reads: Reads) {
    this.op = op;
    this.recompute = recompute;
    const tensors = tensorsOf(reads);
    this.ids = tensors.map(({ id }) => id);
    // An outer tape watches the forward pass too. Only a parameter may be followed by one that starts later.
    const tapes = activeTapes();
    const isWatched =
      tapes.slice(0, tapes.indexOf(tape)).some((outer) => outer.wants(tensors)) ||
      tensors.some((tensor) => tensor instanceof Parameter && tensor.trainable);
    this.kept = isWatched ? new Kept(reads) : null;
  }

  /** `null` where nobody watches: what was kept in the forward pass serves. */
  make(call: AnySeen): Partial<Reads> | null {
    if (!activeTapes().some((tape) => tape.follows(this.ids))) {
      this.release();
      return null;
    }
    if (!this.kept)
      throw new GradientError(
        `${this.op}: its second derivative reads inputs that were not kept; run the forward pass inside the function that is differentiated twice`,
      );
    const from = { ...call };
    this.kept.restoreInto(from);
    return this.recompute.make(from);
  }

  release(): void {
    this.kept?.release();
  }
}

/**
 * The ops between some sources and a loss, with what their rules will read. It records only what depends on a source, and
 * walks back once, releasing each step as it passes.
 */
export class Tape implements Recorder {
  private readonly entries: Entry[] = [];
  private readonly tracked = new Set<number>();
  private readonly stops = new Set<string>();

  constructor(sources: Iterable<Tensor>) {
    for (const source of sources) this.tracked.add(source.id);
  }

  tracks(tensor: Tensor): boolean {
    return this.tracked.has(tensor.id);
  }

  follows(ids: readonly number[]): boolean {
    return ids.some((id) => this.tracked.has(id));
  }

  wants(inputs: readonly (Tensor | null)[]): boolean {
    return inputs.some((input) => input !== null && this.tracked.has(input.id));
  }

  record(call: Recorded): void {
    const { op, outputs } = call;
    const rule = ruleOf(op);
    if (rule === undefined)
      throw new GradientError(
        `${op.name}: has no gradient rule; teach it with defineVjps, or pass its input through stopGradient`,
      );
    if (rule === onceDifferentiable)
      throw new GradientError(
        `${op.name}: has no second derivative; build the first one from differentiable ops, or stopGradient it`,
      );
    if (rule === notDifferentiable) {
      this.stops.add(op.name);
      return;
    }
    this.entries.push(this.entry(call, rule));
    const visible = outputs.length - (op.extras ?? 0);
    for (const [i, output] of outputs.entries())
      if (output && i < visible && output.dtype === "float32") this.tracked.add(output.id);
  }

  /** Records a step whose way back is given, for `checkpoint`. */
  recordStep(
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    pull: Entry["pull"],
    release: Entry["release"],
  ): void {
    this.entries.push({ ...this.ends(inputs, outputs, outputs.length), pull, release });
    for (const output of outputs) this.tracked.add(output.id);
  }

  /** dL/d source for each source, given dL/d output for some outputs. Sources that were not reached get zeros. */
  pullback(outputs: readonly (readonly [output: Tensor, dy: Tensor])[], sources: readonly Tensor[]): Tensor[] {
    return scope(() => {
      const grads = new Map<number, Tensor>();
      for (const [output, dy] of outputs) if (this.tracks(output)) accumulate(grads, output.id, dy.alias());
      const wanted = new Set(sources.map((source) => source.id));
      for (let entry = this.entries.pop(); entry; entry = this.entries.pop()) {
        const dy = entry.outputIds.map((id) => (id === null ? undefined : grads.get(id)));
        if (dy.every((one) => one === undefined)) {
          entry.release();
          continue;
        }
        for (const [id, gradient] of this.step(entry, dy, grads)) accumulate(grads, id, gradient);
        for (const id of entry.outputIds) if (id !== null && !wanted.has(id)) take(grads, id)?.dispose();
      }
      return sources.map((source) => grads.get(source.id)?.alias() ?? zeros(source.shape, { device: source.device }));
    });
  }

  /** Why a loss may not depend on any source, for a message. */
  explain(): string {
    return this.stops.size > 0
      ? `it passed through ${[...this.stops].join(", ")}, which ${this.stops.size > 1 ? "are" : "is"} not differentiable`
      : "no differentiable op used them";
  }

  /** Releases everything that is kept. */
  release(): void {
    for (const entry of this.entries) entry.release();
    this.entries.length = 0;
  }

  /** One step back, in a scope of its own: only the gradients come out. */
  private step(
    entry: Entry,
    dy: readonly (Tensor | undefined)[],
    grads: Map<number, Tensor>,
  ): [id: number, gradient: Tensor][] {
    const taken: Tensor[] = [];
    const takeSum = (input: number): Tensor | null => {
      const id = entry.inputIds[input];
      const sum = typeof id === "number" ? take(grads, id) : undefined;
      if (sum) taken.push(sum);
      return sum ?? null;
    };
    const out = scope(() => {
      const filled = dy.map((one, i) => one ?? entry.zeros[i]?.() ?? null);
      const gradients = entry.pull(filled, takeSum);
      const out: [number, Tensor][] = [];
      for (const [i, gradient] of gradients.entries()) {
        const id = entry.inputIds[i];
        if (!gradient || !entry.needs[i] || id === null || id === undefined) continue;
        // A rule may hand back dy itself, or one tensor for two inputs: each gradient gets a handle of its own.
        out.push([id, unbroadcast(gradient, entry.shapes[i]!).alias()]);
      }
      return out;
    });
    for (const sum of taken) sum.dispose();
    return out;
  }

  private entry({ op, inputs, outputs, attrs, scalars }: Recorded, rule: AnyVjp): Entry {
    const ends = this.ends(inputs, outputs, outputs.length - (op.extras ?? 0));
    const call = { attrs, scalars, needs: ends.needs, shapes: ends.shapes };
    const ran = { ...call, inputs, outputs };
    const kept = rule.reads ? new Kept(rule.reads(ran)) : null;
    const again = rule.recompute?.reads(ran);
    const recomputed = rule.recompute && again ? new Recomputed(this, op.name, rule.recompute, again) : null;
    return {
      ...ends,
      pull: (dy, takeSum) => {
        const seen = { attrs, scalars, needs: ends.needs, shapes: ends.shapes, takeSum };
        kept?.restoreInto(seen);
        if (recomputed) Object.assign(seen, recomputed.make(call));
        return rule.vjp(dy, seen);
      },
      release: () => {
        kept?.release();
        recomputed?.release();
      },
    };
  }

  private ends(inputs: readonly (Tensor | null)[], outputs: readonly (Tensor | null)[], visible: number) {
    return {
      inputIds: inputs.map((input) => input && input.id),
      needs: inputs.map((input) => input !== null && this.tracked.has(input.id)),
      shapes: inputs.map((input) => input && input.shape),
      outputIds: outputs.map((output, i) => (output && i < visible ? output.id : null)),
      zeros: outputs.map((output, i) => {
        if (!output || i >= visible) return null;
        const { shape, device } = output;
        return () => zeros(shape, { device });
      }),
    };
  }
}

const accumulate = (grads: Map<number, Tensor>, id: number, gradient: Tensor): void => {
  const before = grads.get(id);
  grads.set(id, before ? add(before, gradient) : gradient);
  if (before) {
    before.dispose();
    gradient.dispose();
  }
};

const take = (grads: Map<number, Tensor>, id: number): Tensor | undefined => {
  const gradient = grads.get(id);
  grads.delete(id);
  return gradient;
};
