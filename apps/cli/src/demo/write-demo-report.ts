import { availableParallelism, cpus, platform } from "node:os";
import { writeFileAtomic } from "../run-folder/write-file-atomic.ts";
import { renderDemoReport, type Contender } from "../report/render-demo-report.ts";
import { isInstalled } from "../terminal/start-command.ts";
import { loadClassifier } from "../training/model-folder.ts";
import { readMosaics } from "../training/patch-model.ts";
import { architecture, patching } from "../training/recipes.ts";
import { readLosses } from "../training/train-model.ts";
import { CLASSIFIERS } from "./demo-phases.ts";
import { classifierTitles, type DemoRun } from "./demo-run.ts";

/** Describes the machine of the measurements. */
export const describeMachine = (): string => {
  const model = cpus()[0]?.model.trim() ?? "an unknown processor";
  return `${availableParallelism()} cores of ${model}, ${platform()}, Node ${process.versions.node}`;
};

const readContenders = async (demo: DemoRun): Promise<Contender[]> => {
  const speeds = demo.result("speed");
  const models = CLASSIFIERS.map(async (name): Promise<Contender> => {
    const { accuracy, parameters, bytes } = demo.result(name);
    const points = await readLosses(demo.trainingPath(name));
    return { name: classifierTitles[name], accuracy, model: { parameters, bytes, points, ...speeds[name] } };
  });
  return [{ name: "naive Bayes", accuracy: demo.result("baseline").accuracy }, ...(await Promise.all(models))];
};

/** Writes `report.html` from the results of the phases, and resolves to its path. */
export const writeDemoReport = async (demo: DemoRun): Promise<string> => {
  const { labels } = await demo.makeTask();
  const { texts, train, test } = demo.result("data");
  const { steps, tokens, parameters, heldOutLoss, heldOutAccuracy } = demo.result("pretraining");
  const { dense, sparse } = demo.result("patching");
  const { batch, length } = demo.result("speed");
  const { model } = await loadClassifier(demo.modelPath("sparse"));
  try {
    const text = renderDemoReport({
      command: isInstalled ? "npx tessera demo" : "npm start",
      machine: describeMachine(),
      seed: demo.settings.seed,
      corpus: { texts, tokens, vocabSize: demo.result("tokenizer").vocabSize },
      task: { labels, labelsPerClass: demo.labelsPerClass, trainTexts: train, testTexts: test },
      model: { layers: architecture.layers, hidden: architecture.hidden, heads: architecture.heads, parameters },
      pretraining: {
        tokens,
        steps,
        points: await readLosses(demo.trainingPath("pretraining")),
        heldOutLoss,
        heldOutAccuracy,
      },
      sparsity: {
        name: classifierTitles.sparse,
        density: patching.density,
        blockSize: patching.blockSize,
        denseParameters: dense,
        sparseParameters: sparse,
      },
      contenders: await readContenders(demo),
      timing: { batch, length },
      layers: (await readMosaics(model)).map((layer) => ({ ...layer, name: shortenName(layer.name) })),
      ...demo.result("masks"),
      reload: { accuracy: demo.result("reload").accuracy, name: "sparse" },
    });
    const path = demo.path("report.html");
    await writeFileAtomic(path, text);
    return path;
  } finally {
    model.dispose();
  }
};

/** Shortens `roberta.encoder.layer.0.output.dense` to `layer 0 output`. */
const shortenName = (name: string): string =>
  name.replace(/^roberta\.encoder\.layer\.(\d+)\./, "layer $1 ").replace(/\.dense$/, "");
