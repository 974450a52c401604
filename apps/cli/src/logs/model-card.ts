import { formatCount } from "../terminal/format.ts";

/** A sparse layer in a model card. */
export interface CardLayer {
  readonly name: string;
  readonly density: number;
  readonly blockSize: number;
}

/** What a model card tells. */
export interface ModelCardData {
  readonly task: "fill-mask" | "text-classification";
  /** Class and sizes, in words. */
  readonly model: string;
  readonly parameters: number;
  /** Where the texts came from, in words. */
  readonly data: string;
  readonly labels?: readonly string[] | undefined;
  readonly layers: readonly CardLayer[];
  /** How blocks were chosen and when, in words. */
  readonly sparsity?: string | undefined;
  /** Numbers of an evaluation by name. None before the first. */
  readonly scores: Readonly<Record<string, number>>;
  /** On what they were measured. */
  readonly scoresOn?: string | undefined;
  readonly command: string;
}

const yaml = (value: string): string => JSON.stringify(value);

const escapeCell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** A table of Markdown; columns of numbers are aligned to the right. */
export const formatMarkdownTable = (
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string =>
  [
    columns,
    columns.map((_, c) => (rows.length > 0 && rows.every((row) => typeof row[c] === "number") ? "---:" : "---")),
    ...rows,
  ]
    .map((row) => `| ${row.map((cell) => escapeCell(String(cell))).join(" | ")} |\n`)
    .join("");

/**
 * Writes a `README.md` that says what a saved model is, with the YAML head that Hugging Face's Hub reads.
 *
 * {@link https://huggingface.co/docs/hub/model-cards Model cards}
 */
export const formatModelCard = (card: ModelCardData): string => {
  const { task, model, parameters, data, labels, layers, sparsity, scores, scoresOn, command } = card;
  const named = Object.entries(scores).filter(([, value]) => Number.isFinite(value));
  const tags = ["tessera", task, ...(layers.length > 0 ? ["block-sparse"] : [])];
  const results = [
    "model-index:",
    "  - name: tessera",
    "    results:",
    "      - task:",
    `          type: ${task}`,
    "        dataset:",
    `          name: ${yaml(scoresOn ?? data)}`,
    `          type: ${yaml("text")}`,
    "        metrics:",
    ...named.flatMap(([name, value]) => [`          - type: ${yaml(name)}`, `            value: ${value}`]),
  ];
  const head = [
    "---",
    "library_name: tessera",
    `pipeline_tag: ${task}`,
    "tags:",
    ...tags.map((tag) => `  - ${tag}`),
    ...(named.length > 0 ? results : []),
    "---",
  ].join("\n");
  const about = [
    `- Task: ${task}${labels ? `, ${labels.length} classes: ${labels.join(", ")}` : ""}`,
    `- Model: ${model}, ${formatCount(parameters)} parameters`,
    `- Data: ${data}`,
    `- Sparsity: ${layers.length === 0 ? "none, every layer is dense" : `${layers.length} block-sparse layers${sparsity ? `, ${sparsity}` : ""}`}`,
  ].join("\n");
  const table =
    layers.length === 0
      ? ""
      : `\n## Layout\n\n${formatMarkdownTable(
          ["layer", "density", "block"],
          layers.map(({ name, density, blockSize }) => [
            `\`${name}\``,
            Number(density.toFixed(4)),
            `${blockSize} × ${blockSize}`,
          ]),
        )}`;
  const scored =
    named.length === 0
      ? ""
      : `\n## Scores\n\n${scoresOn ? `On ${scoresOn}.\n\n` : ""}${formatMarkdownTable(
          ["measure", "value"],
          named.map(([name, value]) => [name, Number(value.toPrecision(6))]),
        )}`;
  const fence = command.includes("```") ? "````" : "```";
  return `${head}\n\n# ${task === "fill-mask" ? "A masked language model" : "A classifier of texts"}\n\n${about}\n${table}${scored}\n## Command\n\n${fence}sh\n${command}\n${fence}\n`;
};
