import { keep, Tensor, zeros, type HostTensor, type Parameter } from "@tessera/tensor";
import type { TensorSpec } from "@tessera/tensor/extend";
import { copyAll, mismatch, StateDictError, type Place, type StateDict } from "../state-dict.ts";
import type { ParameterGroup } from "./parameter-groups.ts";

/**
 * What an optimiser remembers of one parameter, by name. `step` counts the steps that changed it (int32, 0-d); parameters that
 * began together share the memory of it, so that one launch updates them all.
 */
export interface ParameterState {
  readonly step: Tensor;
  readonly [name: string]: Tensor;
}
/** The shapes of a state, but for `step`. */
export type StateSpecs = { readonly [name: string]: TensorSpec };

/** What a checkpoint holds of an optimiser: plain numbers and names for JSON, and tensors by `parameter.name`. */
export interface OptimizerState<O> {
  readonly groups: readonly (O & { readonly params: readonly string[]; readonly initialLr?: number })[];
  readonly tensors: StateDict;
}

/** The same, as it comes back from files. */
export interface LoadableOptimizerState<O> {
  readonly groups: OptimizerState<O>["groups"];
  readonly tensors: ReadonlyMap<string, Tensor | HostTensor>;
}

/** The count of skipped steps among the tensors. */
export const SKIPPED = "skippedSteps";
export const counter: TensorSpec = { shape: [], dtype: "int32" };

/** State of zeros for parameters that have none; they share their count of steps. The caller owns it. */
export const freshStates = (specs: ReadonlyMap<Parameter, StateSpecs>): Map<Parameter, ParameterState> => {
  const states = new Map<Parameter, ParameterState>();
  let shared: Tensor | null = null;
  for (const [parameter, own] of specs) {
    const { device } = parameter;
    const tensors = Object.entries(own).map(
      ([name, { shape, dtype }]) => [name, zeros(shape, { dtype, device })] as const,
    );
    const step: Tensor = shared ? shared.alias() : zeros([], { dtype: "int32", device });
    shared ??= step;
    states.set(parameter, { ...Object.fromEntries(tensors), step });
  }
  return states;
};

interface Entry {
  readonly parameter: Parameter;
  readonly key: string;
  readonly target: Place;
  readonly value: Tensor | HostTensor;
  /** Counts of one group that are equal become one. */
  readonly sharedAs: string | null;
}

/** Copies of all tensors of a state, for parameters that have some, or an error that lists everything that does not fit. */
export const readState = <O extends object>(
  optimizer: string,
  groups: readonly ParameterGroup<O>[],
  specsOf: (parameter: Parameter, options: O) => StateSpecs,
  state: LoadableOptimizerState<O>,
): { states: Map<Parameter, ParameterState>; skipped: Tensor | null } => {
  const report = compareNames(groups, state);
  const entries: Entry[] = [];
  const known = new Set([SKIPPED]);
  const fits = (path: string, target: Place, value: Tensor | HostTensor): void => {
    const why = mismatch(target, value);
    if (why !== null) report.mismatches.push(`${path} (${why})`);
  };
  for (const [i, group] of groups.entries())
    for (const [name, parameter] of group.params) {
      // Options that are missing are reported already.
      const specs = Object.entries({ ...specsOf(parameter, { ...group, ...state.groups[i] }), step: counter });
      const paths = specs.map(([key]) => `${name}.${key}`);
      for (const path of paths) known.add(path);
      // A parameter that was never trained has no state at all.
      if (!paths.some((path) => state.tensors.has(path))) continue;
      for (const [key, spec] of specs) {
        const value = state.tensors.get(`${name}.${key}`);
        if (!value) {
          report.missingKeys.push(`${name}.${key}`);
          continue;
        }
        const target = { ...spec, device: parameter.device };
        fits(`${name}.${key}`, target, value);
        entries.push({ parameter, key, target, value, sharedAs: key === "step" ? `${i}:${countOf(value)}` : null });
      }
    }
  report.unexpectedKeys.push(...[...state.tensors.keys()].filter((key) => !known.has(key)));
  const skipped = state.tensors.get(SKIPPED);
  const skippedPlace = { ...counter, device: [...groups[0]!.params.values()][0]!.device };
  if (skipped) fits(SKIPPED, skippedPlace, skipped);
  if (report.missingKeys.length + report.unexpectedKeys.length + report.mismatches.length > 0)
    throw new StateDictError(
      `${optimizer}.loadStateDict: expected the state of an optimiser of the same parameters and groups; this one is unchanged`,
      report,
      "make the optimiser as it was when the state was saved",
    );
  const copies = copyAll([...entries, ...(skipped ? [{ target: skippedPlace, value: skipped }] : [])]);
  return { states: assemble(entries, copies), skipped: skipped ? (copies.at(-1) ?? null) : null };
};

/** The value of a count, or, where it cannot be read at once, what tells it from others. */
const countOf = (value: Tensor | HostTensor): number | string => {
  if (!(value instanceof Tensor)) return value.data[0] ?? "";
  return !value.isDisposed && value.device.readSync ? (value.dataSync()[0] ?? "") : `#${value.id}`;
};

const assemble = (entries: readonly Entry[], copies: readonly Tensor[]): Map<Parameter, ParameterState> => {
  const states = new Map<Parameter, { [name: string]: Tensor }>();
  const counts = new Map<string, Tensor>();
  for (const [i, { parameter, key, sharedAs }] of entries.entries()) {
    const copy = copies[i]!;
    const shared = sharedAs === null ? undefined : counts.get(sharedAs);
    if (sharedAs !== null && !shared) counts.set(sharedAs, copy);
    states.set(parameter, { ...states.get(parameter), [key]: shared ? keep(shared.alias()) : copy });
    if (shared) copy.dispose();
  }
  return states as unknown as Map<Parameter, ParameterState>;
};

/** What a group has only once a schedule moved its rate; states of earlier versions never have it. */
const OPTIONAL: readonly string[] = ["initialLr"];

/** Names and groups of a state against those of an optimiser. */
const compareNames = <O extends object>(groups: readonly ParameterGroup<O>[], state: LoadableOptimizerState<O>) => {
  const report = { missingKeys: [] as string[], unexpectedKeys: [] as string[], mismatches: [] as string[] };
  const groupOf = new Map(state.groups.flatMap(({ params }, i) => params.map((name) => [name, i] as const)));
  if (state.groups.length !== groups.length)
    report.mismatches.push(`groups (expected ${groups.length}, got ${state.groups.length})`);
  for (const [i, group] of groups.entries()) {
    const given = state.groups[i] ?? group;
    report.missingKeys.push(
      ...Object.keys(group).flatMap((key) => (key in given || OPTIONAL.includes(key) ? [] : [`groups.${i}.${key}`])),
    );
    for (const name of group.params.keys()) {
      const at = groupOf.get(name);
      if (at === undefined) report.missingKeys.push(name);
      else if (at !== i) report.mismatches.push(`${name} (expected in group ${i}, got group ${at})`);
      groupOf.delete(name);
    }
  }
  report.unexpectedKeys.push(...groupOf.keys());
  return report;
};
