import { existsSync } from "node:fs";
import { measureSpeed } from "@tessera/cli/internal/demo/measure-speed";
import { makeSparse } from "@tessera/cli/internal/training/make-sparse";
import { loadWithNewHead, WEIGHTS_FILE } from "@tessera/cli/internal/training/model-folder";
import { finetuning } from "@tessera/cli/internal/training/recipes";
import type { RobertaForSequenceClassification } from "@tessera/models/roberta";
import { manualSeed, setThreads } from "@tessera/tensor";
import { nameSparsity, type GlossTask, type LayerSet, type Sparsity } from "./cell.ts";
import { BLOCK, SCRATCH_DENSITIES } from "./checkpoints.ts";
import type { Lab } from "./lab.ts";
import type { Row } from "./measured.ts";
import { measureSize } from "./measured.ts";
import type { Rows } from "./rows.ts";
import type { Scale } from "./scale.ts";
import { recipeOf } from "./sparsity.ts";

/** A model whose steps are timed beside those of the dense main model. */
export interface Timing {
  readonly name: string;
  readonly checkpoint: string;
  readonly sparse?: Sparsity;
}

export const DENSE = "main-0";

export const nameTiming = (checkpoint: string, sparse?: Sparsity): string =>
  `time/${checkpoint}/${sparse ? nameSparsity({ ...sparse, by: "magnitude", when: "before" }) : "dense"}`;

/** Models of each distinct shape: which blocks a layer has changes little, how many it has and how large they are much. */
export const timingsOf = ({ narrow, depths, blockSizes }: Scale): Timing[] => {
  const timing = (layers: LayerSet, density: number, blockSize: number): Timing => {
    const sparse: Sparsity = { layers, density, blockSize, by: "magnitude", when: "before" };
    return { name: nameTiming(DENSE, sparse), checkpoint: DENSE, sparse };
  };
  const dense = [...narrow.map((width) => `wide${width}-0`), ...depths.map((layers) => `deep${layers}-0`)];
  return [
    ...dense.map((checkpoint) => ({ name: nameTiming(checkpoint), checkpoint })),
    ...(["article", "all"] as const).flatMap((layers) =>
      [0.75, ...SCRATCH_DENSITIES].map((density) => timing(layers, density, BLOCK)),
    ),
    ...blockSizes.slice(1).flatMap((blockSize) => [0.5, 0.25].map((density) => timing("article", density, blockSize))),
  ];
};

/** Takes step and forward times of what has none yet, one model at a time beside the dense one, on one thread of an otherwise idle machine. */
export const timeModels = async (lab: Lab, rows: Rows, report: (row: Row) => void): Promise<void> => {
  setThreads(1);
  const task: GlossTask = `glosses6x${lab.scale.labels[0]}`;
  const { labels, train } = lab.labelled(task, 0);
  const examples = lab.encode(train).slice(0, finetuning.batchSize);
  const load = async (checkpoint: string): Promise<RobertaForSequenceClassification> => {
    manualSeed(0);
    return loadWithNewHead(lab.path("checkpoints", checkpoint), labels);
  };
  for (const { name, checkpoint, sparse } of timingsOf(lab.scale)) {
    if (lab.supervision.stop.aborted) return;
    if (rows.get(name) || !existsSync(`${lab.path("checkpoints", checkpoint)}/${WEIGHTS_FILE}`)) continue;
    const begun = performance.now();
    const [dense, other] = [await load(DENSE), await load(checkpoint)];
    try {
      if (sparse) await makeSparse(other, recipeOf(sparse, { steps: 1, seed: 0, calibration: 1 }), () => []);
      const size = measureSize(other);
      const times = await measureSpeed({ dense, other }, examples);
      const row: Row = {
        job: name,
        device: "cpu",
        seconds: (performance.now() - begun) / 1000,
        ...size,
        forwardMs: 1000 * times.other.forwardSeconds,
        denseForwardMs: 1000 * times.dense.forwardSeconds,
        stepMs: 1000 * times.other.stepSeconds,
        denseStepMs: 1000 * times.dense.stepSeconds,
      };
      rows.add(row);
      report(row);
    } finally {
      dense.dispose();
      other.dispose();
    }
  }
};
