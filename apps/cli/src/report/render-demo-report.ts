import { CommandError } from "../terminal/command-error.ts";
import { formatBytes, formatCount, formatMilliseconds, formatPercent } from "../terminal/format.ts";
import { renderAccuracyChart } from "./render-accuracy-chart.ts";
import { renderAttention, type AttentionData } from "./render-attention.ts";
import { renderBlockMosaic, type BlockMosaicData } from "./render-block-mosaic.ts";
import { renderLossChart, type LossPoint } from "./render-loss-chart.ts";
import { html, Markup } from "./markup.ts";
import { renderPage, renderTiles } from "./render-page.ts";
import { renderTable } from "./render-table.ts";

/** One classifier of the demo. All are measured on the same test texts. */
export interface Contender {
  name: string;
  /** A share in 0 … 1. */
  accuracy: number;
  /** Absent for the baseline, which is no network. */
  model?: {
    parameters: number;
    /** Size of the saved weights, block indices included. */
    bytes: number;
    /** Seconds of a training step, and of a forward pass over the same batch: medians. */
    stepSeconds: number;
    forwardSeconds: number;
    /** The losses of its fine-tuning. */
    points: readonly LossPoint[];
  };
}

/** A text with a mask, and the tokens that the model puts there. */
export interface FilledMask {
  text: string;
  fills: readonly { token: string; probability: number }[];
}

/** What knowing how frequent each token is, and nothing else, is worth. */
export interface FrequencyBaseline {
  loss: number;
  accuracy: number;
  guesses: readonly { token: string; probability: number }[];
}

/** Where one head of attention looks in a text. Layers and heads count from 0. */
export interface LookingHead extends AttentionData {
  layer: number;
  head: number;
}

/** All data that the report shows. */
export interface DemoReportData {
  command: string;
  machine: string;
  seed: number;
  corpus: { texts: number; tokens: number; vocabSize: number };
  task: { labels: readonly string[]; labelsPerClass: number; trainTexts: number; testTexts: number };
  model: { layers: number; hidden: number; heads: number; parameters: number };
  pretraining: {
    tokens: number;
    steps: number;
    points: readonly LossPoint[];
    heldOutLoss: number;
    heldOutAccuracy?: number | undefined;
  };
  /** `name` is the name of the sparse contender. */
  sparsity: { name: string; density: number; blockSize: number; denseParameters: number; sparseParameters: number };
  contenders: readonly Contender[];
  /** The batch of the speed measurements. */
  timing: { batch: number; length: number };
  layers: readonly BlockMosaicData[];
  fills: readonly FilledMask[];
  /** Runs of earlier versions have neither. */
  frequencies?: FrequencyBaseline | undefined;
  attention?: LookingHead | undefined;
  reload: { accuracy: number; name: string };
}

/**
 * Makes the report of `tessera demo`: accuracies, losses, block mosaics and filled masks in one HTML document.
 *
 * @throws {CommandError} if no contender has the name in `sparsity`
 */
export const renderDemoReport = (data: DemoReportData): string => {
  const sections = [
    renderIntroduction,
    renderAccuracies,
    renderTraining,
    renderMosaics,
    renderMasks,
    renderHead,
    renderFooter,
  ];
  return renderPage("Tessera demo", new Markup(sections.map((render) => render(data)).join(" ")));
};

const findBest = (data: DemoReportData): Contender =>
  data.contenders.reduce((top, one) => (one.accuracy > top.accuracy ? one : top));

const renderIntroduction = ({ task, model, pretraining, sparsity, contenders, corpus }: DemoReportData): Markup => {
  const sparse = contenders.find(({ name }) => name === sparsity.name);
  if (!sparse) {
    const names = contenders.map(({ name }) => name).join(", ");
    throw new CommandError(
      `renderDemoReport: expected a contender named ${sparsity.name}, got ${names}; see sparsity.name`,
    );
  }
  return html`<h1>A tiny RoBERTa learns English and loses half of its blocks</h1>
    <p class="lead">
      ${model.layers} layers of width ${model.hidden}, pre-trained on ${formatCount(pretraining.tokens)} tokens of
      WordNet, patched to density ${sparsity.density} in three places a layer, and taught ${task.labels.length} classes
      from ${task.labelsPerClass} labels each.
    </p>
    ${renderTiles([
      { value: formatPercent(sparse.accuracy), label: "accuracy of the sparse model" },
      {
        value: formatPercent(1 - sparsity.sparseParameters / sparsity.denseParameters),
        label: `fewer parameters: ${formatCount(sparsity.sparseParameters)} instead of ${formatCount(sparsity.denseParameters)}`,
      },
      { value: formatCount(task.testTexts), label: "test glosses, never read before" },
      { value: formatCount(corpus.texts), label: "texts to learn English from" },
    ])}`;
};

const renderAccuracies = (data: DemoReportData): Markup => {
  const { contenders, timing } = data;
  const models = contenders.filter(({ model }) => model);
  const winner = findBest(data);
  const cell = (value: (model: NonNullable<Contender["model"]>) => string) => (row: Contender) =>
    row.model ? value(row.model) : "–";
  return html`<h2>Who tells the classes apart</h2>
    ${renderAccuracyChart(
      contenders.map((row) => {
        const series = models.indexOf(row);
        return { name: row.name, accuracy: row.accuracy, ...(series < 0 ? {} : { series }) };
      }),
      { title: `Accuracy on ${formatCount(data.task.testTexts)} test glosses` },
    )}
    <p></p>
    ${renderTable<Contender>(
      [
        { title: "", value: ({ name }) => name },
        { title: "accuracy", value: ({ accuracy }) => formatPercent(accuracy, 2), numeric: true },
        { title: "parameters", value: cell(({ parameters }) => formatCount(parameters)), numeric: true },
        { title: "saved weights", value: cell(({ bytes }) => formatBytes(bytes)), numeric: true },
        { title: "training step", value: cell(({ stepSeconds }) => formatMilliseconds(stepSeconds)), numeric: true },
        {
          title: "forward pass",
          value: cell(({ forwardSeconds }) => formatMilliseconds(forwardSeconds)),
          numeric: true,
        },
      ],
      contenders,
      (row) => row === winner,
    )}
    <p class="faint">
      Best in bold. Times are medians on one batch of ${timing.batch} texts of ${timing.length} tokens, the models
      taking turns in one process. Saved weights include the layout of the blocks. Read back by a new process, the
      ${data.reload.name} model has the same accuracy to the digit: ${formatPercent(data.reload.accuracy, 2)}.
    </p>`;
};

const renderTraining = ({ pretraining, contenders, frequencies }: DemoReportData): Markup =>
  html`<h2>How they learned</h2>
    <div class="charts">
      ${renderLossChart([{ name: "masked language model", points: pretraining.points }], {
        title: "Pre-training: loss on masked tokens",
      })}
      ${renderLossChart(
        contenders.flatMap(({ name, model }) => (model ? [{ name, points: model.points }] : [])),
        { title: "Fine-tuning: loss on labels" },
      )}
    </div>
    <p class="faint">
      Faint: single batches; strong: their running mean. ${describeHeldOut(pretraining, frequencies)}
    </p>`;

const describeHeldOut = (
  { heldOutLoss, heldOutAccuracy }: DemoReportData["pretraining"],
  frequencies: FrequencyBaseline | undefined,
): string => {
  const right = heldOutAccuracy === undefined ? "" : ` and ${formatPercent(heldOutAccuracy)} of them told right`;
  const baseline = frequencies
    ? `; knowing how frequent each token is, and nothing else, gives ${frequencies.loss.toFixed(3)} and ${formatPercent(frequencies.accuracy)}`
    : "";
  return `On texts that were held out, with 15 % of the tokens masked, at the end: loss ${heldOutLoss.toFixed(3)}${right}${baseline}.`;
};

const renderMosaics = ({ layers, sparsity }: DemoReportData): Markup =>
  html`<h2>The patched layers</h2>
    <p>
      Each tile is one stored block of ${sparsity.blockSize} × ${sparsity.blockSize} weights of the fine-tuned sparse
      model, and the deeper its colour the larger its norm. Gaps are neither stored nor computed: not in the forward
      pass, not in the gradients, not in the optimiser.
    </p>
    <div class="mosaics">${layers.map(renderBlockMosaic)}</div>`;

const formatGuesses = (guesses: FilledMask["fills"]): string =>
  guesses.map(({ token, probability }) => `${token.trim()} ${formatPercent(probability, 0)}`).join(", ");

const renderMasks = ({ fills, frequencies }: DemoReportData): Markup =>
  html`<h2>What the pre-trained model puts in the gaps</h2>
    ${renderTable<FilledMask>(
      [
        { title: "text", value: ({ text }) => text },
        { title: "its guesses", value: (row) => formatGuesses(row.fills) },
        ...(frequencies ? [{ title: "by frequency alone", value: () => formatGuesses(frequencies.guesses) }] : []),
      ],
      fills,
    )}
    <p class="faint">
      So few tokens teach a little of which words go together and where they stand: enough to learn the classes from,
      not to write. More of them teach more; see <code>--tokens</code>.
    </p>`;

const renderHead = ({ attention }: DemoReportData): Markup =>
  attention
    ? html`<h2>Where it looks</h2>
        ${renderAttention(attention, {
          title: `Attention in per cent: layer ${attention.layer + 1}, head ${attention.head + 1}`,
        })}
        <p class="faint">
          Of all heads, the one whose words look most at one other word. To fill a gap a model must look around: one
          that knows how frequent words are, and no more, spreads its attention evenly.
        </p>`
    : html``;

const renderFooter = ({ command, machine, seed }: DemoReportData): Markup =>
  html`<footer class="faint">
    Made by <code>${command}</code>, seed ${seed}, on ${machine}. Glosses and examples: WordNet 3.1, copyright 2011 by
    Princeton University.
  </footer>`;
