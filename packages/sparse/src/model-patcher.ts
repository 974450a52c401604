import { Linear, type Module } from "@tessera/nn";
import { ArgumentError, DeviceError, TesseraError } from "@tessera/tensor";
import { checkSeed, sameShape } from "@tessera/tensor/extend";
import { BlockLayout, blockGrid, checkBlockSize, checkDensity } from "./block-layout.ts";
import { BlockSparseLinear, type PatchRecipe } from "./block-sparse-linear.ts";
import type { BlockCriterion } from "./criteria/block-criterion.ts";
import { criterionOf, type CriterionName } from "./criteria/criteria.ts";
import type { Statistics } from "./criteria/statistics.ts";
import { judgeSpeed } from "./judge-speed.ts";
import { matchesLayer, patternOf, showPattern, type LayerPattern } from "./layer-pattern.ts";
import { densify, sparsify } from "./layer-swaps.ts";
import type { LayoutRule } from "./layouts/layout-rule.ts";
import { layoutRuleOf, type LayoutName } from "./layouts/layouts.ts";
import { PatchError } from "./patch-error.ts";
import { PatchPlan, plannedLayer, type KeptLayer, type PlannedLayer } from "./patch-plan.ts";
import { PatchReport } from "./patch-report.ts";
import { blockCount } from "./patterns/block-count.ts";
import { erdosRenyiDensities } from "./patterns/erdos-renyi.ts";
import { replaceLayers } from "./replace-layers.ts";
import { tiedWeights } from "./sparse-layers.ts";

/** What becomes of the layers that a pattern matches. */
export interface PatchOptions {
  /** The share of blocks to keep; at least one for each row and column of blocks stays. Left out where the layout has its own. */
  readonly density?: number | undefined;
  /** Whether each layer of the pattern has that density, or all of them together, shared out by `erdosRenyiDensities`. */
  readonly distribution?: "uniform" | "erdosRenyi" | undefined;
  /** Where blocks lie: the best by the criterion unless said otherwise. See `layouts`. */
  readonly layout?: LayoutRule | LayoutName | undefined;
  /** A multiple of 4 from 4 to 64; 32 unless said otherwise. */
  readonly blockSize?: number | undefined;
  /** How blocks are judged: by magnitude unless said otherwise. */
  readonly criterion?: BlockCriterion | CriterionName | undefined;
  /** What a criterion by name needs beyond weights, as `collect` gathers it. */
  readonly statistics?: Statistics | undefined;
  /** Every row of blocks keeps the same number (±1). */
  readonly balanced?: boolean | undefined;
  /** Layers to leave as they are, though the pattern matches them. */
  readonly exclude?: LayerPattern | readonly LayerPattern[] | undefined;
  /** For a criterion that draws. */
  readonly seed?: number | undefined;
  /**
   * What becomes of a layer that would be slower block-sparse than dense, on the device where its weight is: it is patched all
   * the same, for its memory, unless this says `"keep-dense"`. See `breakEvenShare`.
   */
  readonly whenSlower?: "patch" | "keep-dense" | undefined;
}

/** A layer that a pattern can name. */
export interface PatchableLayer {
  readonly name: string;
  /** `[out, in]` */
  readonly shape: readonly [number, number];
  /** Of weight and bias. */
  readonly parameters: number;
  /** A pattern of all layers like this one: the name, with numbers left open. */
  readonly pattern: RegExp;
}

interface Rule {
  readonly pattern: LayerPattern;
  readonly exclude: readonly LayerPattern[];
  readonly blockSize: number;
  readonly criterion: BlockCriterion;
  readonly layout: LayoutRule;
  readonly distribution: "uniform" | "erdosRenyi";
  readonly recipe: PatchRecipe;
  readonly whenSlower: "patch" | "keep-dense";
}

/**
 * Makes the linear layers of a trained model block-sparse: patterns say which, `plan` shows what comes of it, `patchModel` does
 * it. Blocks stay where they are, with their values; which ones stay, a criterion decides.
 *
 * @example
 * const patcher = new BlockSparseModelPatcher()
 *   .addPattern(/roberta\.encoder\.layer\.[0-9]+\.intermediate\.dense/, { density: 0.5 })
 *   .addPattern(/roberta\.encoder\.layer\.[0-9]+\.output\.dense/, { density: 0.5 });
 * console.log(String(patcher.plan(model)));
 * patcher.patchModel(model);
 */
export class BlockSparseModelPatcher {
  private readonly rules: Rule[] = [];

  /**
   * Adds layers to patch. A regular expression must match a layer's whole path; a string is one path.
   *
   * @throws ArgumentError when an option is outside its domain.
   */
  addPattern(pattern: LayerPattern, options: PatchOptions): this {
    const { blockSize = 32, criterion = "magnitude", balanced = false, exclude = [], seed = 0 } = options;
    const { whenSlower = "patch", distribution = "uniform" } = options;
    const layout = layoutRuleOf(options.layout ?? "best");
    const { density = layout.setsDensity ? 1 : undefined } = options;
    if (density === undefined)
      throw new ArgumentError("addPattern: expected a density, got none; give one, or a layout that has its own");
    checkDensity("addPattern", density);
    checkBlockSize("addPattern", blockSize);
    checkSeed("addPattern", seed);
    checkChoice("whenSlower", whenSlower, ["patch", "keep-dense"]);
    checkChoice("distribution", distribution, ["uniform", "erdosRenyi"]);
    const judge = criterionOf("addPattern", criterion, options.statistics);
    this.rules.push({
      pattern,
      exclude: Array.isArray(exclude) ? (exclude as readonly LayerPattern[]) : [exclude as LayerPattern],
      blockSize,
      criterion: judge,
      layout,
      distribution,
      recipe: {
        density,
        criterion: judge.name,
        balanced,
        seed,
        ...(layout.name === "best" ? {} : { layout: layout.name }),
      },
      whenSlower,
    });
    return this;
  }

  /** The layers of a model that can be patched. */
  patchableLayers(model: Module): PatchableLayer[] {
    const tied = tiedWeights(model);
    return [...model.namedModules()].flatMap(([name, module]) =>
      !(module instanceof Linear) || name === "" || tied.has(`${name}.weight`)
        ? []
        : {
            name,
            shape: shapeOf(module),
            parameters: module.weight.numel() + (module.bias?.numel() ?? 0),
            pattern: patternOf(name),
          },
    );
  }

  /**
   * What `patchModel` would do. Changes nothing. A criterion that looks at weights needs them on the host, so a model on a device
   * that answers only later is planned on the cpu: its plan then holds for the model wherever it is.
   *
   * @throws PatchError that lists everything that cannot be done: a pattern that matches nothing, a layer that is not a dense
   *   one, that two patterns match, that shares its weight, that is smaller than a block, whose weight is not finite (where it can
   *   be read), or that shall stay dense when it is slower on a device where that was not measured.
   */
  plan(model: Module): PatchPlan {
    const problems: string[] = [];
    const chosen = this.choose(model, problems);
    const layers =
      problems.length > 0
        ? []
        : withDensities(chosen).flatMap(([name, layer, rule]) => planLayer(name, layer, rule, problems));
    if (problems.length > 0)
      throw new PatchError("patcher: expected patterns of layers that can be patched, nothing was changed", problems);
    const kept = layers.filter((layer) => "breakEven" in layer);
    const patched = layers.filter((layer) => !("breakEven" in layer));
    return new PatchPlan(patched, model.numParameters(), kept);
  }

  /**
   * Replaces the layers in place: all of them, or none. The dense weights are freed; biases stay the same parameters. Tell
   * optimisers that exist already with the report's `handOver`.
   *
   * @param given the plan of this model, or of another one of the same shape; made now when left out
   * @throws PatchError when the model is not the one that was planned for, or a weight is not finite.
   */
  patchModel(model: Module, given?: PatchPlan): PatchReport {
    const plan = given ?? this.plan(model);
    const layers = plan.layers.map((planned) => [planned, denseLayer(model, planned)] as const);
    const problems = layers.flatMap(([{ name, shape }, layer]) => {
      if (!(layer instanceof Linear)) return [`${name} is not a dense layer of this model`];
      if (!sameShape(shapeOf(layer), shape))
        return [`${name} is ${shapeOf(layer).join(" × ")}, the plan says ${shape.join(" × ")}`];
      if (tiedWeights(model).has(`${name}.weight`)) return [`${name} shares its weight`];
      // A plan that was made now has looked already.
      const fault = given && layer.weight.device.readSync ? notFinite(layer) : null;
      return fault ? [`${name}: ${fault}`] : [];
    });
    if (problems.length > 0)
      throw new PatchError("patchModel: expected the model that was planned for, nothing was changed", problems);
    return new PatchReport(
      replaceLayers(
        model,
        layers.map(
          ([planned, layer]) =>
            () =>
              sparsify(layer as Linear, planned),
        ),
      ),
      plan,
    );
  }

  /**
   * Makes every block-sparse layer of a model dense again, with zeros where no block was: all of them, or none.
   *
   * @throws PatchError when there is none.
   */
  unpatch(model: Module): PatchReport {
    const layers = [...model.namedModules()].filter(
      (entry): entry is [string, BlockSparseLinear] => entry[1] instanceof BlockSparseLinear,
    );
    if (layers.length === 0)
      throw new PatchError("unpatch: expected a model with block-sparse layers", ["it has none"]);
    if (layers.some(([name]) => name === ""))
      throw new PatchError("unpatch: expected a model", ["it is a layer itself; use its toLinear()"]);
    return new PatchReport(
      replaceLayers(
        model,
        layers.map(
          ([name, layer]) =>
            () =>
              densify(name, layer),
        ),
      ),
      null,
    );
  }

  /** The layers that patterns match, each once. */
  private choose(model: Module, problems: string[]): [name: string, layer: Linear, rule: Rule][] {
    if (this.rules.length === 0) problems.push("no pattern was added");
    const modules = model.namedModules();
    const tied = tiedWeights(model);
    const chosen = new Map<string, Rule>();
    for (const rule of this.rules) {
      const matched = [...modules.keys()].filter((name) => name !== "" && matchesLayer(rule.pattern, name));
      const excluded = rule.exclude.map((pattern) => matched.filter((name) => matchesLayer(pattern, name)));
      for (const [i, names] of excluded.entries())
        if (names.length === 0 && matched.length > 0)
          problems.push(`${showPattern(rule.exclude[i]!)} excludes nothing that ${showPattern(rule.pattern)} matches`);
      const left = matched.filter((name) => !excluded.flat().includes(name));
      if (left.length === 0)
        problems.push(
          `${showPattern(rule.pattern)} matches no layer; those that can be patched are ${this.namesIn(model)}`,
        );
      for (const name of left) {
        const before = chosen.get(name);
        const why = before
          ? `matches ${showPattern(before.pattern)} and ${showPattern(rule.pattern)}`
          : whyNot(name, modules.get(name)!, tied, rule.blockSize);
        if (why) problems.push(`${name} ${why}`);
        else chosen.set(name, rule);
      }
    }
    return [...modules].flatMap(([name, module]) => {
      const rule = chosen.get(name);
      return rule && module instanceof Linear ? [[name, module, rule] as [string, Linear, Rule]] : [];
    });
  }

  private namesIn(model: Module): string {
    return (
      this.patchableLayers(model)
        .map(({ name }) => name)
        .join(", ") || "none"
    );
  }
}

const checkChoice = (name: string, value: string, choices: readonly string[]): void => {
  if (!choices.includes(value))
    throw new ArgumentError(
      `addPattern: ${name} is ${choices.map((choice) => `"${choice}"`).join(" or ")}, got ${String(value)}`,
    );
};

const shapeOf = ({ outFeatures, inFeatures }: Linear): readonly [number, number] => [outFeatures, inFeatures];

const whyNot = (
  name: string,
  module: Module,
  tied: ReadonlyMap<string, readonly string[]>,
  blockSize: number,
): string | null => {
  if (module instanceof BlockSparseLinear) return "is block-sparse already; unpatch the model first";
  if (!(module instanceof Linear))
    return `is not a Linear but a ${module.constructor.name}; exclude it, or make the pattern narrower`;
  const others = tied.get(`${name}.weight`);
  if (others) return `shares its weight with ${others.join(" and ")}; exclude it, or untie them`;
  if (blockSize > Math.min(...shapeOf(module)))
    return `is ${shapeOf(module).join(" × ")}, smaller than a block of ${blockSize}; use a smaller blockSize, or exclude it`;
  return null;
};

/** The layers of each rule with the densities that are theirs. */
const withDensities = (
  chosen: readonly (readonly [name: string, layer: Linear, rule: Rule])[],
): [name: string, layer: Linear, rule: Rule][] => {
  const shared = new Map<Rule, ReadonlyMap<string, number>>();
  for (const [, , rule] of chosen) {
    if (rule.distribution === "uniform" || shared.has(rule)) continue;
    const layers = chosen.filter(([, , other]) => other === rule);
    shared.set(
      rule,
      erdosRenyiDensities(
        layers.map(([name, layer]) => ({ name, shape: shapeOf(layer) })),
        rule.recipe.density,
      ),
    );
  }
  return chosen.map(([name, layer, rule]) => {
    const density = shared.get(rule)?.get(name);
    return [name, layer, density === undefined ? rule : { ...rule, recipe: { ...rule.recipe, density } }];
  });
};

const planLayer = (
  name: string,
  layer: Linear,
  { recipe, criterion, layout: place, blockSize, whenSlower }: Rule,
  problems: string[],
): (PlannedLayer | KeptLayer)[] => {
  const [outFeatures, inFeatures] = shapeOf(layer);
  const { rows, cols } = blockGrid("patcher", [outFeatures, inFeatures], blockSize);
  const blocks = blockCount(rows, cols, recipe.density);
  let weight: ArrayLike<number> | undefined;
  // Whatever criterion judges: blocks of a weight that is broken are as broken. Where it cannot be read, none can say.
  const fault = layer.weight.device.readSync ? notFinite(layer) : null;
  if (fault) {
    problems.push(`${name}: ${fault}`);
    return [];
  }
  try {
    const seed = recipe.seed + hash(name);
    const scores = (): Float64Array =>
      criterion.scores({
        name,
        // Read when it is asked for: some criteria do without.
        get weight() {
          return (weight ??= weightOf(layer));
        },
        outFeatures,
        inFeatures,
        blockSize,
        seed,
      });
    const { density, balanced } = recipe;
    const shape = [outFeatures, inFeatures] as const;
    const mask = place.mask({ name, shape, blockSize, rows, cols, density, blocks, balanced, seed, scores });
    const layout = BlockLayout.fromMask(mask, rows, cols, blockSize);
    const realised = place.setsDensity ? { ...recipe, density: layout.density } : recipe;
    const planned = plannedLayer(name, shape, layer.bias, realised, layout);
    return whenSlower === "patch" ? [planned] : judgeSpeed(planned, layer.weight.device.name, problems);
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    problems.push(`${name}: ${error.message}`);
    return [];
  }
};

/** What is wrong with a weight that has NaN or infinities; `null` when it has none. */
const notFinite = ({ weight, inFeatures }: Linear): string | null => {
  const values = weight.dataSync();
  let [count, first] = [0, -1];
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]!)) continue;
    if (first < 0) first = i;
    count++;
  }
  if (count === 0) return null;
  const at = `[${Math.floor(first / inFeatures)}, ${first % inFeatures}]`;
  return `its weight has ${count} ${count === 1 ? "value" : "values"} that ${count === 1 ? "is" : "are"} not finite, first ${values[first]} at ${at}; train it anew, or load a checkpoint from before`;
};

const weightOf = ({ weight }: Linear): ArrayLike<number> => {
  if (weight.device.readSync) return weight.dataSync();
  const { name } = weight.device;
  throw new DeviceError(
    `its weight is on ${name}, which answers only later; await model.to("cpu"), plan, and await model.to("${name}") again`,
  );
};

/** FNV-1a: layers of one pattern draw differently. */
const hash = (text: string): number =>
  [...text].reduce((h, char) => Math.imul(h ^ char.charCodeAt(0), 16777619) >>> 0, 2166136261);

const denseLayer = (model: Module, { name }: PlannedLayer): Module | undefined => model.namedModules().get(name);
