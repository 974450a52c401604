import {
  ArgumentError,
  clone,
  dispose,
  full,
  keep,
  scope,
  Tensor,
  type HostTensor,
  type Parameter,
} from "@tessera/tensor";
import { sameShape, showShape, withRecorder } from "@tessera/tensor/extend";
import { copyAll, mismatch, StateDictError, type LoadableState, type StateDict } from "../state-dict.ts";
import { follow } from "./follow.ts";
import type { NamedParameters } from "./parameter-groups.ts";
import { pickEntries } from "./pick-entries.ts";

/**
 * A running mean of weights, to evaluate and to save: mean ← d · mean + (1 − d) · weight after each step. The first `update` copies the
 * weights. The means are on the weights' device, and nothing waits for it.
 *
 * Source: {@link https://epubs.siam.org/doi/10.1137/0330046 Polyak and Juditsky 1992} and
 * {@link https://docs.pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema torch's AveragedModel with get_ema_multi_avg_fn}.
 *
 * @throws ArgumentError when the decay is outside 0 to 1, or there are no parameters.
 * @example
 * const average = new ExponentialMovingAverage(model.namedParameters(), { decay: 0.99 });
 * optimizer.step(grads);
 * average.update();
 * average.swap(); // the model now holds the means
 * const { loss } = await evaluateModel();
 * average.swap(); // and now its weights again
 */
export class ExponentialMovingAverage {
  /** How much of the mean is kept at each update; change it between them as you like. */
  decay: number;
  readonly #params: Map<string, Parameter>;
  readonly #means = new Map<Parameter, Tensor>();
  #swapped = false;

  constructor(params: NamedParameters, { decay = 0.999 }: { readonly decay?: number | undefined } = {}) {
    if (!(decay >= 0 && decay <= 1))
      throw new ArgumentError(`ExponentialMovingAverage: expected a decay from 0 to 1, got ${decay}`);
    if (params.size === 0)
      throw new ArgumentError(
        "ExponentialMovingAverage: expected at least one parameter, got none; pass model.namedParameters()",
      );
    this.decay = decay;
    this.#params = new Map(params);
  }

  /**
   * Moves the means towards the weights as they are now; after the optimiser's step.
   *
   * @throws ArgumentError while the model holds the means, or when a parameter was freed. Nothing is changed.
   */
  update(): void {
    this.#check("update");
    scope((): void => {
      const known = [...this.#params.values()].filter((parameter) => this.#means.has(parameter));
      for (const parameter of this.#params.values())
        if (!this.#means.has(parameter)) this.#means.set(parameter, copyOf(parameter));
      const [first] = known;
      if (!first) return;
      follow(
        known.map((parameter) => this.#means.get(parameter)!),
        known,
        { rate: 1 - this.decay, minusFactor: full([], -1, { device: first.device }) },
      );
    });
  }

  /**
   * Exchanges the weights of the model and their means; a second call brings them back.
   *
   * @throws ArgumentError before the first `update`, or when a parameter was freed. Nothing is changed.
   */
  swap(): void {
    if (!this.#swapped) this.#check("swap");
    for (const [name, parameter] of this.#params)
      if (!this.#means.has(parameter))
        throw new ArgumentError(`ExponentialMovingAverage.swap: expected means, ${name} has none; call update() first`);
    for (const parameter of this.#params.values()) {
      const weights = copyOf(parameter);
      parameter.assign(this.#means.get(parameter)!);
      this.#means.set(parameter, weights);
    }
    this.#swapped = !this.#swapped;
  }

  /** The means by name, themselves and not copies: what a checkpoint holds. Empty before the first `update`. */
  stateDict(): StateDict {
    this.#refuseSwapped("stateDict");
    return new Map(
      [...this.#params].flatMap(([name, parameter]) => {
        const mean = this.#means.get(parameter);
        return mean ? [[name, mean] as const] : [];
      }),
    );
  }

  /**
   * Goes on where another one stood. All means are copied, or nothing.
   *
   * @throws StateDictError that lists every missing, unexpected and mismatched key.
   */
  loadStateDict(state: LoadableState): void {
    this.#refuseSwapped("loadStateDict");
    const report = { missingKeys: [] as string[], unexpectedKeys: [] as string[], mismatches: [] as string[] };
    const entries: { readonly target: Parameter; readonly value: Tensor | HostTensor }[] = [];
    for (const [name, target] of this.#params) {
      const value = state.get(name);
      const why = value ? mismatch(target, value) : null;
      if (why !== null) report.mismatches.push(`${name} (${why})`);
      if (value) entries.push({ target, value });
      else if (state.size > 0) report.missingKeys.push(name);
    }
    report.unexpectedKeys.push(...[...state.keys()].filter((name) => !this.#params.has(name)));
    if (report.missingKeys.length + report.unexpectedKeys.length + report.mismatches.length > 0)
      throw new StateDictError(
        "ExponentialMovingAverage.loadStateDict: expected the means of the same parameters; these are unchanged",
        report,
        "make it of the model as it was when the state was saved",
      );
    const copies = copyAll(entries);
    this.dispose();
    for (const [i, { target }] of entries.entries()) this.#means.set(target, copies[i]!);
  }

  /**
   * Puts a parameter in place of another: when a layer is patched, or grows. `map` makes the new mean of the old one; `null` starts
   * afresh with the weights at the next `update`. Give `[name, parameter]` when the name changes too.
   *
   * @throws ArgumentError when `old` is not averaged here, the new name is taken, or the new mean does not fit. Nothing is changed.
   * @example
   * average.replace(dense.weight, ["fc.values", sparse.values], () => null);
   */
  replace(
    old: Parameter,
    next: Parameter | readonly [name: string, parameter: Parameter],
    map: (mean: Tensor) => Tensor | null = (mean) => mean,
  ): void {
    this.#refuseSwapped("replace");
    const oldName = [...this.#params].find(([, parameter]) => parameter === old)?.[0];
    if (oldName === undefined)
      throw new ArgumentError(
        `ExponentialMovingAverage.replace: expected a parameter that is averaged here, got another one of shape ${showShape(old.shape)}`,
      );
    const [name, parameter] = next instanceof Tensor ? [oldName, next] : next;
    for (const [taken, other] of this.#params)
      if (other !== old && (taken === name || other === parameter))
        throw new ArgumentError(
          `ExponentialMovingAverage.replace: expected a new name and parameter in place of ${oldName}, got ${taken}, which is averaged here already`,
        );
    const before = this.#means.get(old);
    const mapped = before ? scope(() => map(before)) : null;
    if (mapped && !sameShape(mapped.shape, parameter.shape)) {
      if (mapped !== before) mapped.dispose();
      throw new ArgumentError(
        `ExponentialMovingAverage.replace: expected a mean of shape ${showShape(parameter.shape)} for ${name}, got ${showShape(mapped.shape)}; give a function that makes it fit, or () => null to start afresh`,
      );
    }
    if (before && mapped !== before) before.dispose();
    this.#means.delete(old);
    if (mapped) this.#means.set(parameter, keep(mapped));
    const entries = [...this.#params].map((entry) => (entry[1] === old ? ([name, parameter] as const) : entry));
    this.#params.clear();
    for (const [key, value] of entries) this.#params.set(key, value);
  }

  /**
   * Puts a parameter in place of another that has the same entries along the first dim, such as blocks of a weight, in another
   * order, fewer or more of them: entry i of `next` is entry `sources[i]` of `old`, or a new one, whose mean starts at 0, where that is −1.
   *
   * @throws ArgumentError when `old` is not averaged here. Nothing is changed.
   * @example
   * average.reindex(values, grown, [0, 1, 2, -1]); // a fourth block
   */
  reindex(old: Parameter, next: Parameter, sources: ArrayLike<number>): void {
    this.replace(old, next, (mean) => pickEntries(mean, sources));
  }

  /** Frees the means. The parameters stay. */
  dispose(): void {
    dispose([...this.#means.values()]);
    this.#means.clear();
    this.#swapped = false;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(method: string): void {
    this.#refuseSwapped(method);
    for (const [name, parameter] of this.#params)
      if (parameter.isDisposed)
        throw new ArgumentError(
          `ExponentialMovingAverage.${method}: expected the parameters of the model, ${name} was freed; replace() parameters that the model has changed`,
        );
  }

  #refuseSwapped(method: string): void {
    if (this.#swapped)
      throw new ArgumentError(
        `ExponentialMovingAverage.${method}: expected a model that holds its own weights, it holds the means; swap() them back first`,
      );
  }
}

/** A copy with its own storage, outside every scope and tape. */
const copyOf = (x: Tensor): Tensor => keep(withRecorder(null, () => clone(x)));
