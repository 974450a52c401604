import type { CriterionName } from "@tessera/sparse";
import { denseOf, nameCell, type Cell, type GlossTask, type Sparsity, type Study, type Task } from "./cell.ts";
import { BLOCK, PRETRAINING_SEEDS, SCRATCH_DENSITIES } from "./checkpoints.ts";
import type { Scale } from "./scale.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const CRITERIA: readonly CriterionName[] = [
  "magnitude",
  "magnitudeL1",
  "random",
  "taylor",
  "movement",
  "activationWeighted",
  "fisher",
];
const DENSITIES = [0.75, 0.5, 0.25, 0.1] as const;
/** The linear layers of one layer of the encoder. */
const KINDS = [
  "attention.self.query",
  "attention.self.key",
  "attention.self.value",
  "attention.output.dense",
  "intermediate.dense",
  "output.dense",
];

const base: Sparsity = { layers: "article", density: 0.5, blockSize: BLOCK, by: "magnitude", when: "before" };
const global = { by: "fisher", when: "cubic", scope: "global" } as const;

/** What makes a model sparse in fine-tuning, by the names of the tables. */
export const methods: Readonly<Record<string, Partial<Sparsity>>> = {
  "magnitude, before": {},
  "random, before": { by: "random" },
  "taylor, before": { by: "taylor" },
  "fisher, before": { by: "fisher" },
  "wanda, before": { by: "activationWeighted" },
  "magnitude, cubic": { when: "cubic" },
  "fisher, cubic, global": global,
  "magnitude, one-shot in its course": { when: "oneShot" },
  movement: { when: "cubic", dynamic: "movement" },
  SET: { dynamic: "set" },
  RigL: { dynamic: "rigl" },
  "magnitude, after": { when: "after" },
};

/** Methods that are repeated with a teacher. */
const TAUGHT = ["magnitude, before", "magnitude, cubic", "fisher, cubic, global"];

/** Models whose blocks went in the course of a pre-training that went on, beside the dense one that went on as long. */
export const FURTHER = ["more", "static", "gradual", "taught"] as const;

/** Everything that the studies ask of a scale. */
class Plans {
  readonly few: GlossTask;
  readonly many: GlossTask;
  readonly headline: readonly number[];
  readonly others: readonly number[];

  constructor(private readonly scale: Scale) {
    const [few, many] = scale.labels;
    this.few = `glosses6x${few}`;
    this.many = `glosses6x${many}`;
    this.headline = range(scale.seeds);
    this.others = range(scale.otherSeeds);
  }

  /** A cell of the main model: seeds take turns with its pre-trainings. */
  cell(task: Task, seed: number, rest: Partial<Cell> = {}): Cell {
    return { model: this.main(seed), task, steps: this.stepsOf(task), seed, ...rest };
  }

  main(seed: number): string {
    return `main-${seed % PRETRAINING_SEEDS.length}`;
  }

  stepsOf(task: Task): number {
    const { recovery, finetuning, longFinetuning, labels } = this.scale;
    if (task === "maskedLM") return recovery;
    return Number(task.split("x")[1]) > labels[0] ? longFinetuning : finetuning;
  }

  /** A sparse cell with the dense one that it is compared with in front. */
  pair(task: Task, seed: number, sparse: Partial<Sparsity>, rest: Partial<Cell> = {}): Cell[] {
    const cell = this.cell(task, seed, { sparse: { ...base, ...sparse }, ...rest });
    return [denseOf(cell), cell];
  }

  bayes(task: GlossTask, seeds: readonly number[]): Cell[] {
    return seeds.map((seed) => ({ model: "naive Bayes", task, steps: 0, seed }));
  }

  layers(): string[] {
    return range(this.scale.depth).flatMap((layer) => KINDS.map((kind) => `roberta.encoder.layer.${layer}.${kind}`));
  }
}

type StudyOf = (plans: Plans, scale: Scale) => Study;

const headline: StudyOf = (p) => ({
  title: "Half of the blocks, and what it costs",
  question: "How much accuracy does density 0.5 cost after recovery, by criterion, schedule, and with a teacher?",
  cells: [p.few, p.many].flatMap((task) => [
    ...p.bayes(task, p.headline),
    ...Object.values(methods).flatMap((sparse) => p.headline.flatMap((seed) => p.pair(task, seed, sparse))),
    ...TAUGHT.flatMap((name) => p.headline.flatMap((seed) => p.pair(task, seed, methods[name]!, { taught: true }))),
    ...FURTHER.flatMap((how) => p.headline.map((seed) => p.cell(task, seed, { model: `${p.main(seed)}-${how}` }))),
  ]),
});

const patterns: StudyOf = (p) => ({
  title: "The article's three patterns",
  question:
    "What do the feed-forward layers and the output of attention cost at 0.5, 0.25 and 0.1, from a trained model and from scratch?",
  cells: [
    ...p.others.flatMap((seed) => p.bayes(p.few, [seed])),
    ...[p.few, "maskedLM" as const].flatMap((task) => [
      ...p.others.flatMap((seed) => SCRATCH_DENSITIES.flatMap((density) => p.pair(task, seed, { density }))),
      ...p.others.flatMap((seed) =>
        SCRATCH_DENSITIES.map((density) => p.cell(task, seed, { model: `scratch${density}-0` })),
      ),
      ...p.others.map((seed) => p.cell(task, seed, { model: "main-0" })),
    ]),
  ],
});

const layers: StudyOf = (p) => {
  const each = p
    .layers()
    .flatMap((layer) => DENSITIES.map((density): Partial<Sparsity> => ({ layers: { layer }, density })));
  const all = DENSITIES.map((density): Partial<Sparsity> => ({ layers: "all", density }));
  const shot = { steps: 0, model: "main-0" };
  const one = (by: CriterionName, seeds: readonly number[]): Cell[] =>
    [...each, ...all].flatMap((sparse) => seeds.flatMap((seed) => p.pair("maskedLM", seed, { ...sparse, by }, shot)));
  const recovered = (seed: number): Cell[] =>
    [...all, ...each].flatMap((sparse) => p.pair("maskedLM", seed, sparse, { model: "main-0" }));
  const after = (seed: number): Cell[] =>
    [...all, ...each].flatMap((sparse) => p.pair(p.few, seed, { ...sparse, when: "after" }));
  const tuned = (seed: number): Cell[] =>
    [...all, ...each.filter(({ density }) => density === 0.25)].flatMap((sparse) => p.pair(p.few, seed, sparse));
  return {
    title: "Every linear layer",
    question: "Which layers tolerate sparsity, one-shot and recovered, and do their costs add up?",
    cells: [
      ...one("magnitude", [0]),
      ...one("random", p.others),
      ...recovered(0),
      ...p.others.flatMap(after),
      ...p.others.slice(1).flatMap(recovered),
      ...p.others.flatMap(tuned),
    ],
  };
};

const criteria: StudyOf = (p, { seeds }) => ({
  title: "Criteria at equal density",
  question: "Which criterion keeps the right blocks?",
  cells: [
    ...[0.5, 0.25].flatMap((density) =>
      CRITERIA.flatMap((by) =>
        range(by === "random" ? seeds : PRETRAINING_SEEDS.length).flatMap((seed) =>
          p.pair("maskedLM", seed, { layers: "all", density, by }, { steps: 0 }),
        ),
      ),
    ),
    ...range(seeds).flatMap((seed) =>
      [1, 0.5, 0.25].flatMap((density) =>
        (["magnitude", "random"] as const).flatMap((by) =>
          p.pair("maskedLM", seed, { density, by }, { steps: 0, model: `demo-${seed}` }),
        ),
      ),
    ),
    ...CRITERIA.flatMap((by) => p.others.flatMap((seed) => p.pair(p.few, seed, { density: 0.25, by }))),
  ],
});

const training: StudyOf = (p) => ({
  title: "Static, gradual, SET, RigL, movement",
  question: "Does it help to choose blocks while the model trains, with and without a teacher, and with Muon?",
  cells: [
    ...[0.25, 0.1].flatMap((density) =>
      (["magnitude, before", "magnitude, cubic", "fisher, cubic, global", "movement", "SET", "RigL"] as const).flatMap(
        (name) =>
          [false, true].flatMap((taught) =>
            p.others.flatMap((seed) => p.pair(p.few, seed, { ...methods[name], density }, taught ? { taught } : {})),
          ),
      ),
    ),
    ...(["muon", "adamw"] as const).flatMap((optimizer) =>
      ["Dense", 0.5, 0.25].map((density): Cell => ({
        model: `${optimizer}${density}-0`,
        task: "maskedLM",
        steps: 0,
        seed: 0,
      })),
    ),
  ],
});

const blocks: StudyOf = (p, { blockSizes }) => ({
  title: "Block size",
  question: "What do larger blocks cost, and what do they gain?",
  cells: [0.5, 0.25].flatMap((density) =>
    blockSizes.flatMap((blockSize) =>
      p.others.flatMap((seed) => [
        ...p.pair("maskedLM", seed, { density, blockSize }, { steps: 0 }),
        ...p.pair(p.few, seed, { density, blockSize }),
      ]),
    ),
  ),
});

const allocation: StudyOf = (p) => ({
  title: "Allocation",
  question: "Is it better to share a budget of parameters out among the layers than to give all the same density?",
  cells: [0.5, 0.25].flatMap((density) =>
    ([undefined, "erdosRenyi", "dynamic", "evolutionary"] as const).flatMap((shared) => {
      const sparse = { layers: "all", density, ...(shared ? { shared } : {}) } as const;
      return [
        ...p.pair("maskedLM", 0, sparse, { steps: 0 }),
        ...p.others.flatMap((seed) => p.pair("maskedLM", seed, sparse, { model: "main-0" })),
        ...p.others.flatMap((seed) => p.pair(p.few, seed, sparse)),
      ];
    }),
  ),
});

const smaller: StudyOf = (p, { narrow, depths }) => {
  const others = [
    ...narrow.map((width) => `wide${width}`),
    ...depths.filter((depth) => depth < 4).map((depth) => `deep${depth}`),
  ];
  return {
    title: "A smaller dense model",
    question: "Is a sparse model better than a smaller dense one of the same step time?",
    cells: [p.few, p.many].flatMap((task) => [
      ...others.flatMap((name) =>
        p.others.map((seed) => p.cell(task, seed, { model: `${name}-${seed % PRETRAINING_SEEDS.length}` })),
      ),
      ...(["article", "all"] as const).flatMap((layers) =>
        SCRATCH_DENSITIES.flatMap((density) => p.others.flatMap((seed) => p.pair(task, seed, { layers, density }))),
      ),
    ]),
  };
};

const depth: StudyOf = (p, { depths }) => ({
  title: "Depth",
  question: "Do deeper models tolerate more?",
  cells: ["main", ...depths.map((layers) => `deep${layers}`)].flatMap((name) =>
    SCRATCH_DENSITIES.flatMap((density) =>
      p.others.flatMap((seed) => {
        const model = `${name}-${seed % PRETRAINING_SEEDS.length}`;
        return [
          ...p.pair("maskedLM", seed, { density }, { model, steps: 0 }),
          ...p.pair("maskedLM", seed, { density }, { model }),
          ...p.pair(p.few, seed, { density }, { model }),
        ];
      }),
    ),
  ),
});

const ten: StudyOf = (p, { labels }) => ({
  title: "Ten classes",
  question: "Does the picture hold for ten classes?",
  cells: labels.flatMap((count) => {
    const task: GlossTask = `glosses10x${count}`;
    return [
      ...p.bayes(task, p.others),
      ...[0.5, 0.25].flatMap((density) =>
        ["magnitude, before", "fisher, cubic, global"].flatMap((name) =>
          p.others.flatMap((seed) => p.pair(task, seed, { ...methods[name], density })),
        ),
      ),
    ];
  }),
});

const makers = {
  headline,
  a: patterns,
  b: layers,
  c: criteria,
  d: training,
  e: blocks,
  f: allocation,
  g: smaller,
  h: depth,
  ten,
} as const;

export type StudyName = keyof typeof makers;
export const studyNames = Object.keys(makers) as StudyName[];

/** In the order of their worth: what comes first is measured first. */
export const BY_WORTH: readonly StudyName[] = ["headline", "c", "b", "g", "d", "f", "h", "e", "a", "ten"];

/** Each cell once, by its name. */
const once = (cells: readonly Cell[]): Cell[] => [...new Map(cells.map((cell) => [nameCell(cell), cell])).values()];

/** A study at a scale. */
export const studyOf = (name: StudyName, scale: Scale): Study => {
  const { cells, ...study } = makers[name](new Plans(scale), scale);
  return { ...study, cells: once(cells) };
};
