import { ArgumentError, type Parameter, type StepState } from "@tessera/tensor";
import { Optimizer, type Update, type UpdateRules } from "./optimizer.ts";
import type { ParameterState, StateSpecs } from "./optimizer-state.ts";
import type { GroupOptions, ParameterGroup } from "./parameter-groups.ts";

/** Options of a group: those of its part, and which part that is. */
export interface CombinedOptions {
  lr: number;
  /** The name of the part that updates the group. */
  optimizer: string;
}

type Rules = UpdateRules<{ lr: number }>;

/**
 * One optimiser made of several, each with parameters of its own: Muon for matrices and AdamW for the others. Clipping, schedules,
 * checkpoints and the Trainer see one optimiser: its groups are those of the parts, in order, and one gradient that is not finite
 * stops the step of all of them.
 *
 * The parts give up their groups: from then on change those of this one, and let the parts be.
 *
 * @throws ArgumentError when there is no part, a part has taken steps already, or a parameter is in two of them.
 * @example
 * const optimizer = new CombinedOptimizer({
 *   muon: new Muon(matrices, { lr: 0.01, nsSteps: 3 }),
 *   adamw: new AdamW(others, { lr: 2e-3, weightDecay: 0.1 }),
 * });
 */
export class CombinedOptimizer extends Optimizer<CombinedOptions> {
  readonly #rules: ReadonlyMap<string, Rules>;

  constructor(parts: { readonly [name: string]: Optimizer }) {
    super(groupsOf(parts), { lr: 0, optimizer: "" });
    this.#rules = new Map(Object.entries(parts).map(([name, part]) => [name, Optimizer.rulesOf(part)]));
  }

  protected override stateSpecs(parameter: Parameter, options: CombinedOptions): StateSpecs {
    return this.#rulesFor(options).stateSpecs(parameter, options);
  }

  protected override update(
    group: ParameterGroup<CombinedOptions>,
    updates: readonly Update[],
    shared: StepState,
  ): void {
    this.#rulesFor(group).update(group, updates, shared);
  }

  protected override reindexState(
    state: ParameterState,
    parameter: Parameter,
    sources: ArrayLike<number>,
  ): ParameterState {
    const group = this.groups.find(({ params }) => [...params.values()].includes(parameter))!;
    return this.#rulesFor(group).reindexState(state, parameter, sources);
  }

  #rulesFor({ optimizer }: CombinedOptions): Rules {
    const rules = this.#rules.get(optimizer);
    if (rules) return rules;
    throw new ArgumentError(
      `CombinedOptimizer: expected groups of ${[...this.#rules.keys()].join(", ")}, got one of ${String(optimizer)}; make the optimiser as it was when the state was saved`,
    );
  }
}

const groupsOf = (parts: { readonly [name: string]: Optimizer }): GroupOptions<CombinedOptions>[] =>
  Object.entries(parts).flatMap(([name, part]) => {
    if (part.stateDict().tensors.size > 0)
      throw new ArgumentError(
        `CombinedOptimizer: expected optimisers that have taken no step, ${name} has; combine them first`,
      );
    return part.groups.map((group) => ({ ...group, optimizer: name }));
  });
