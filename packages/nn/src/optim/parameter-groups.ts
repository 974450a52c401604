import { ArgumentError, type Parameter } from "@tessera/tensor";

/** Parameters by name, as `namedParameters()` gives them. */
export type NamedParameters = ReadonlyMap<string, Parameter>;

/** Options of which any may be left out, or be `undefined`. */
export type SomeOf<O> = { readonly [K in keyof O]?: O[K] | undefined };

/** Parameters with options of their own; those left out are the optimiser's. */
export type GroupOptions<O> = SomeOf<O> & { readonly params: NamedParameters };

/** A group as an optimiser keeps it. Its options may be changed between steps; the next step reads them. */
export type ParameterGroup<O> = { -readonly [K in keyof O]: O[K] } & {
  readonly params: Map<string, Parameter>;
  /** The learning rate before the first schedule changed it: where every schedule of this optimiser starts from. */
  initialLr?: number;
};

/**
 * Parameters whose name matches a pattern, and the others: for groups with options of their own.
 *
 * @throws ArgumentError when nothing matches, or everything.
 * @example
 * const [bare, decayed] = partitionParameters(model.namedParameters(), /bias$|layerNorm/i);
 * new AdamW([{ params: decayed }, { params: bare, weightDecay: 0 }], { lr: 5e-4, weightDecay: 0.01 });
 */
export const partitionParameters = (
  params: NamedParameters,
  pattern: RegExp,
): [matching: NamedParameters, others: NamedParameters] => {
  const [matching, others] = [new Map<string, Parameter>(), new Map<string, Parameter>()];
  for (const [name, parameter] of params) (name.search(pattern) >= 0 ? matching : others).set(name, parameter);
  if (matching.size === 0 || others.size === 0)
    throw new ArgumentError(
      `partitionParameters: expected a pattern of some of the parameters, ${String(pattern)} matches ${matching.size} of ${params.size}; they are ${[...params.keys()].join(", ")}`,
    );
  return [matching, others];
};

/** The options that are given, and the defaults of those that are left out or `undefined`. */
export const withDefaults = <O extends object>(defaults: O, options: SomeOf<O>): O => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
});

/** The groups of an optimiser, every parameter in exactly one of them. */
export const makeGroups = <O extends object>(
  optimizer: string,
  params: NamedParameters | readonly GroupOptions<O>[],
  defaults: O,
): readonly ParameterGroup<O>[] => {
  const groups = (Array.isArray(params) ? (params as readonly GroupOptions<O>[]) : [{ params } as GroupOptions<O>]).map(
    (group) => ({ ...withDefaults(defaults, group), params: new Map(group.params) }),
  );
  const seen = new Map<unknown, string>();
  for (const group of groups)
    for (const [name, parameter] of group.params) {
      const before = seen.get(name) ?? seen.get(parameter);
      if (before !== undefined)
        throw new ArgumentError(
          `${optimizer}: expected every parameter once, got ${before} and ${name} for one; tied weights have one name, see aliases()`,
        );
      seen.set(name, name).set(parameter, name);
    }
  if (seen.size === 0)
    throw new ArgumentError(`${optimizer}: expected at least one parameter, got none; pass model.namedParameters()`);
  return groups;
};
