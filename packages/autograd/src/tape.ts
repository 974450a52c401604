import { add, Parameter, scope, zeros, type Backend, type Tensor } from "@tessera/tensor";
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

/** What a recorded step joins: the values before it and those after it, by the ids of their tensors. */
interface Ends {
  readonly inputIds: readonly (number | null)[];
  readonly needs: readonly boolean[];
  readonly shapes: readonly (readonly number[] | null)[];
  readonly outputIds: readonly (number | null)[];
  /** `null` where an output has no gradient. */
  readonly outputShapes: readonly (readonly number[] | null)[];
  readonly device: Backend;
}

/** One recorded step: from gradients of its outputs to gradients of its inputs. */
interface Entry extends Ends {
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

/** An op that ran, with what its rule reads. A class, so that steps share their methods: every recorded op makes one. */
class RanOp implements Entry {
  readonly inputIds: Ends["inputIds"];
  readonly needs: Ends["needs"];
  readonly shapes: Ends["shapes"];
  readonly outputIds: Ends["outputIds"];
  readonly outputShapes: Ends["outputShapes"];
  readonly device: Backend;
  private readonly rule: AnyVjp;
  private readonly attrs: object;
  private readonly scalars: object;
  private readonly kept: Kept | null;
  private readonly recomputed: Recomputed | null;

  constructor(tape: Tape, ends: Ends, rule: AnyVjp, { op, inputs, outputs, attrs, scalars }: Recorded) {
    this.inputIds = ends.inputIds;
    this.needs = ends.needs;
    this.shapes = ends.shapes;
    this.outputIds = ends.outputIds;
    this.outputShapes = ends.outputShapes;
    this.device = ends.device;
    this.rule = rule;
    this.attrs = attrs;
    this.scalars = scalars;
    const ran = { attrs, scalars, needs: ends.needs, shapes: ends.shapes, inputs, outputs };
    this.kept = rule.reads ? new Kept(rule.reads(ran)) : null;
    const again = rule.recompute?.reads(ran);
    this.recomputed = rule.recompute && again ? new Recomputed(tape, op.name, rule.recompute, again) : null;
  }

  pull(dy: readonly (Tensor | null)[], takeSum: (input: number) => Tensor | null): readonly (Tensor | null)[] {
    const { attrs, scalars, needs, shapes } = this;
    const seen = { attrs, scalars, needs, shapes, takeSum };
    this.kept?.restoreInto(seen);
    if (this.recomputed) Object.assign(seen, this.recomputed.make({ attrs, scalars, needs, shapes }));
    return this.rule.vjp(dy, seen);
  }

  release(): void {
    this.kept?.release();
    this.recomputed?.release();
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
    const visible = outputs.length - (op.extras ?? 0);
    this.entries.push(new RanOp(this, this.ends(call.inputs, outputs, visible), rule, call));
    for (let i = 0; i < visible; i++) {
      const output = outputs[i];
      if (output?.dtype === "float32") this.tracked.add(output.id);
    }
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
      const filled = dy.map((one, i) => {
        const shape = entry.outputShapes[i];
        return one ?? (shape ? zeros(shape, { device: entry.device }) : null);
      });
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

  private ends(inputs: readonly (Tensor | null)[], outputs: readonly (Tensor | null)[], visible: number): Ends {
    const inputIds: (number | null)[] = [];
    const needs: boolean[] = [];
    const shapes: (readonly number[] | null)[] = [];
    for (const input of inputs) {
      inputIds.push(input && input.id);
      needs.push(input !== null && this.tracked.has(input.id));
      shapes.push(input && input.shape);
    }
    const outputIds: (number | null)[] = [];
    const outputShapes: (readonly number[] | null)[] = [];
    for (let i = 0; i < outputs.length; i++) {
      const output = i < visible ? outputs[i]! : null;
      outputIds.push(output && output.id);
      outputShapes.push(output && output.shape);
    }
    return { inputIds, needs, shapes, outputIds, outputShapes, device: outputs[0]!.device };
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
