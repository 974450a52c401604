import type { Gradients } from "@tessera/autograd";
import {
  add,
  ArgumentError,
  cast,
  dispose,
  keep,
  ne,
  Parameter,
  scope,
  zeros,
  type StepState,
  type Tensor,
} from "@tessera/tensor";
import { sameShape, showShape, type Storage, type TensorSpec } from "@tessera/tensor/extend";
import { classNameOf } from "../class-name.ts";
import { finiteScale, normOf } from "./clip-grad-norm.ts";
import {
  counter,
  freshStates,
  readState,
  SKIPPED,
  type LoadableOptimizerState,
  type OptimizerState,
  type ParameterState,
  type StateSpecs,
} from "./optimizer-state.ts";
import { pickEntries } from "./pick-entries.ts";
import { makeGroups, type GroupOptions, type NamedParameters, type ParameterGroup } from "./parameter-groups.ts";

/** One parameter's part of a step. */
export interface Update {
  readonly parameter: Parameter;
  readonly gradient: Tensor;
  readonly state: ParameterState;
}

/** An optimiser without its parameters and their state. */
export interface UpdateRules<O extends { lr: number }> {
  stateSpecs(parameter: Parameter, options: O): StateSpecs;
  update(group: ParameterGroup<O>, updates: readonly Update[], shared: StepState): void;
  reindexState(state: ParameterState, parameter: Parameter, sources: ArrayLike<number>): ParameterState;
}

/**
 * The base of the optimisers: groups of parameters with their options, state for each parameter, and steps that nothing waits
 * for. A subclass declares its state per parameter and updates a group.
 *
 * {@link https://docs.pytorch.org/docs/stable/optim.html#torch.optim.Optimizer torch.optim.Optimizer}
 */
export abstract class Optimizer<O extends { lr: number } = { lr: number }> {
  /** Options of each group, such as `lr`: change them between steps as you like. */
  readonly groups: readonly ParameterGroup<O>[];
  readonly #states = new Map<Parameter, ParameterState>();
  #skipped: Tensor | null = null;

  constructor(params: NamedParameters | readonly GroupOptions<O>[], defaults: O) {
    this.groups = makeGroups(new.target.name, params, defaults);
  }

  /** What an optimiser would do with a parameter: for one that is made of several. */
  protected static rulesOf<O extends { lr: number }>(optimizer: Optimizer<O>): UpdateRules<O> {
    return {
      stateSpecs: (parameter, options) => optimizer.stateSpecs(parameter, options),
      update: (group, updates, shared) => optimizer.update(group, updates, shared),
      reindexState: (...args) => optimizer.reindexState(...args),
    };
  }

  /** The state of a parameter beside its `step`, such as moments; it starts as zeros. */
  protected abstract stateSpecs(parameter: Parameter, options: O): StateSpecs;

  /** Updates parameters of one group that share a count of steps, and their state, in place: nothing when the scale is not finite. */
  protected abstract update(group: ParameterGroup<O>, updates: readonly Update[], shared: StepState): void;

  /**
   * One step: changes every trainable parameter in place, and frees the gradients. When the norm of the gradients is not finite,
   * nothing changes, and the step is counted in `skippedSteps()`.
   *
   * @throws ArgumentError when the gradients are not those of the trainable parameters, with the names. Nothing is changed.
   */
  step(grads: Gradients): void {
    this.#check(grads);
    scope((): void => {
      const work = this.groups.flatMap((group) => this.#launches(group, grads).map((updates) => ({ group, updates })));
      const scale = grads.scale ?? finiteScale(normOf(grads));
      for (const { group, updates } of work)
        this.update(group, updates, { count: updates[0]!.state.step, scale, lr: rateOf(group) });
      this.#countSkipped(scale);
    });
    grads.dispose();
  }

  /** How many steps changed nothing, because a gradient was infinite or NaN. Waits for the device. */
  async skippedSteps(): Promise<number> {
    return this.#skipped ? this.#skipped.item() : 0;
  }

  /** All that the next step depends on: the options of the groups, and the tensors themselves, not copies. */
  stateDict(): OptimizerState<O> {
    const tensors = new Map<string, Tensor>();
    for (const { params } of this.groups)
      for (const [name, parameter] of params)
        for (const [key, tensor] of Object.entries(this.#states.get(parameter) ?? {}))
          tensors.set(`${name}.${key}`, tensor);
    if (this.#skipped) tensors.set(SKIPPED, this.#skipped);
    const groups = this.groups.map(
      ({ params, ...options }) =>
        ({ ...options, params: [...params.keys()] }) as unknown as OptimizerState<O>["groups"][number],
    );
    return { groups, tensors };
  }

  /**
   * Goes on where another optimiser of the same parameters and groups stood. All of the state is copied, or nothing.
   *
   * @throws StateDictError that lists every missing, unexpected and mismatched key.
   */
  loadStateDict(state: LoadableOptimizerState<O>): void {
    const { states, skipped } = readState(classNameOf(this), this.groups, (...args) => this.stateSpecs(...args), state);
    this.#disposeState();
    for (const [parameter, tensors] of states) this.#states.set(parameter, tensors);
    this.#skipped = skipped;
    for (const [i, group] of this.groups.entries()) Object.assign(group, state.groups[i], { params: group.params });
  }

  /**
   * Puts a parameter in place of another, in the same group: when a layer is patched, or grows. `map` makes the new state of the
   * old one, for example the kept blocks of its moments; `null` starts afresh. Give `[name, parameter]` when the name changes too.
   *
   * @throws ArgumentError when `old` is not optimised here, the new name is taken, or the new state does not fit the new parameter.
   * @example
   * optimizer.replace(dense.weight, ["fc.values", sparse.values], (state) => ({
   *   ...state, expAvg: blocksOf(state.expAvg), expAvgSq: blocksOf(state.expAvgSq),
   * }));
   */
  replace(
    old: Parameter,
    next: Parameter | readonly [name: string, parameter: Parameter],
    map: (state: ParameterState) => ParameterState | null = (state) => state,
  ): void {
    const op = `${classNameOf(this)}.replace`;
    const group = this.groups.find(({ params }) => [...params.values()].includes(old));
    if (!group)
      throw new ArgumentError(
        `${op}: expected a parameter that is optimised here, got another one of shape ${showShape(old.shape)}`,
      );
    const oldName = [...group.params].find(([, parameter]) => parameter === old)![0];
    const [name, parameter] = next instanceof Parameter ? [oldName, next] : next;
    for (const { params } of this.groups)
      for (const [taken, other] of params)
        if (other !== old && (taken === name || other === parameter))
          throw new ArgumentError(
            `${op}: expected a new name and parameter in place of ${oldName}, got ${taken}, which is optimised here already`,
          );
    const before = this.#states.get(old);
    const after = before ? scope(() => map(before)) : null;
    if (after) this.#checkState(op, name, parameter, group, { before: before!, after });
    const kept = new Set(Object.values(after ?? {}));
    dispose(Object.values(before ?? {}).filter((tensor) => !kept.has(tensor)));
    this.#states.delete(old);
    if (after) this.#states.set(parameter, keep({ ...after }));
    const entries = [...group.params].map((entry) => (entry[1] === old ? ([name, parameter] as const) : entry));
    group.params.clear();
    for (const [key, value] of entries) group.params.set(key, value);
  }

  /**
   * Puts a parameter in place of another that has the same entries along the first dim, such as blocks of a weight, in another
   * order, fewer or more of them: entry i of `next` is entry `sources[i]` of `old`, or a new one where that is −1. What the optimiser
   * remembers of an entry goes with it; of new ones it remembers zeros. `next` may be `old` itself.
   *
   * @throws ArgumentError when `old` is not optimised here. Nothing is changed.
   * @example
   * optimizer.reindex(values, grown, [0, 1, 2, -1]); // a fourth block
   */
  reindex(old: Parameter, next: Parameter, sources: ArrayLike<number>): void {
    this.replace(old, next, (state) => this.reindexState(state, old, sources));
  }

  /**
   * The state of a parameter whose entries along the first dim moved. Tensors with one entry for each of the parameter's move too, as moments
   * and row or column statistics do, and others stay. An optimiser that keeps something else overrides it.
   */
  protected reindexState(
    state: ParameterState,
    { shape: [entries] }: Parameter,
    sources: ArrayLike<number>,
  ): ParameterState {
    const moved = Object.entries(state).map(
      ([key, tensor]) =>
        [key, tensor.ndim > 0 && tensor.shape[0] === entries ? pickEntries(tensor, sources) : tensor] as const,
    );
    return { ...state, ...Object.fromEntries(moved) };
  }

  /** Frees the state. The parameters stay. */
  dispose(): void {
    this.#disposeState();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(grads: Gradients): void {
    const wanted = new Map(
      this.groups.flatMap(({ params }) => [...params].filter(([, parameter]) => parameter.trainable)),
    );
    const missing = [...wanted.keys()].filter((name) => !grads.has(name));
    const unexpected = [...grads.keys()].filter((name) => !wanted.has(name));
    const misshapen = [...wanted].flatMap(([name, { shape }]) => {
      const gradient = grads.get(name);
      return gradient && !sameShape(gradient.shape, shape)
        ? [`${name} (expected ${showShape(shape)}, got ${showShape(gradient.shape)})`]
        : [];
    });
    const lists = Object.entries({ missing, unexpected, misshapen }).filter(([, names]) => names.length > 0);
    if (lists.length > 0)
      throw new ArgumentError(
        `${classNameOf(this)}.step: expected the gradients of its trainable parameters, ${lists.map(([kind, names]) => `${kind}: ${names.join(", ")}`).join("; ")}; replace() parameters that the model has changed`,
      );
  }

  /** The parts of a step, by the count that they share. State that is missing is made before the first parameter changes. */
  #launches(group: ParameterGroup<O>, grads: Gradients): Update[][] {
    const trained = [...group.params].filter(([, parameter]) => parameter.trainable);
    const without = trained.flatMap(([, parameter]) =>
      this.#states.has(parameter) ? [] : [[parameter, this.stateSpecs(parameter, group)] as const],
    );
    for (const [parameter, state] of freshStates(new Map(without))) this.#states.set(parameter, keep(state));
    const launches = new Map<Storage, Update[]>();
    for (const [name, parameter] of trained) {
      const state = this.#states.get(parameter)!;
      const update = { parameter, gradient: grads.get(name)!, state };
      const others = launches.get(state.step.storage);
      if (others) others.push(update);
      else launches.set(state.step.storage, [update]);
    }
    return [...launches.values()];
  }

  /** Counts a step whose scale is NaN, without waiting for it. */
  #countSkipped(scale: Tensor): void {
    const before = this.#skipped ?? zeros([], { dtype: "int32", device: scale.device });
    this.#skipped = keep(add(before, cast(ne(scale, scale), "int32")));
    before.dispose();
  }

  #checkState(
    op: string,
    name: string,
    parameter: Parameter,
    group: ParameterGroup<O>,
    { before, after }: { readonly before: ParameterState; readonly after: ParameterState },
  ): void {
    const specs: StateSpecs = { ...this.stateSpecs(parameter, group), step: counter };
    const wrong = [...new Set([...Object.keys(specs), ...Object.keys(after)])].flatMap((key) => {
      const [spec, got] = [specs[key], after[key]];
      if (
        spec &&
        got &&
        sameShape(spec.shape, got.shape) &&
        spec.dtype === got.dtype &&
        got.device === parameter.device
      )
        return [];
      const show = (one: TensorSpec | undefined): string => (one ? `${one.dtype} ${showShape(one.shape)}` : "nothing");
      return [`${key} (expected ${show(spec)}, got ${show(got)})`];
    });
    if (wrong.length === 0) return;
    const old = new Set(Object.values(before));
    dispose(Object.values(after).filter((tensor) => !old.has(tensor)));
    throw new ArgumentError(
      `${op}: the state does not fit ${name}, ${wrong.join(", ")}; give a function that makes it fit, or () => null to start afresh`,
    );
  }

  #disposeState(): void {
    for (const state of this.#states.values()) dispose(state);
    this.#states.clear();
    this.#skipped?.dispose();
    this.#skipped = null;
  }
}

/** A group's learning rate as a cell, read at each launch. */
const rateOf = (group: { readonly lr: number }): { readonly value: number } => ({
  get value() {
    return group.lr;
  },
});
