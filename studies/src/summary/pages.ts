import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { toSvgFile } from "@tessera/cli/internal/report/figure-files";
import type { Cell } from "../cell.ts";
import type { Rows } from "../rows.ts";
import type { Scale } from "../scale.ts";
import { studyOf, type StudyName } from "../studies.ts";
import { writeCells, writeTimes } from "./csv.ts";
import { layerTables } from "./layers.ts";
import { layerPictures, seedsPicture, timePicture, type Picture } from "./pictures.ts";
import { comparisonTable, missingOf, taskTables, timesTable, type Comparison } from "./tables.ts";

/** What a summary writes stands between these; the rest of a page is its author's. */
const [BEGIN, END] = ["<!-- measured: begin -->", "<!-- measured: end -->"];

/** What stands beside another than dense. */
const COMPARISONS: Partial<Record<StudyName, readonly Comparison[]>> = {
  headline: [
    { of: "0.5, magnitude, before the training", beside: "0.5, random, before the training" },
    ...[
      "sparse before a further pre-training",
      "gradually sparse in a further pre-training",
      "gradually sparse in a further pre-training, with a teacher",
    ].map((of) => ({ of, beside: "dense, pre-trained further" })),
    {
      of: "gradually sparse in a further pre-training, with a teacher",
      beside: "gradually sparse in a further pre-training",
    },
    ...["magnitude, before the training", "magnitude, gradual", "fisher, gradual, global"].map((name) => ({
      of: `0.5, ${name}, with a teacher`,
      beside: `0.5, ${name}`,
    })),
  ],
  c: [0.5, 0.25].map((density) => ({
    of: `2 layers, briefly pre-trained: ${density}, magnitude, one-shot`,
    beside: `2 layers, briefly pre-trained: ${density}, random, one-shot`,
  })),
};

const picturesOf = (name: StudyName, cells: readonly Cell[], rows: Rows, scale: Scale): Picture[] => {
  const [few, many] = scale.labels;
  if (name === "headline") return [few, many].map((count) => seedsPicture(cells, rows, `glosses6x${count}`));
  if (name === "b") return layerPictures(cells, rows);
  // Models of the same size that were made sparse with more care are there, too.
  const careful = studyOf("headline", scale).cells.filter(({ sparse }) => sparse && sparse.when !== "before");
  const time = name === "g" ? timePicture([...cells, ...careful], rows, `glosses6x${few}`) : undefined;
  return time ? [time] : [];
};

const TIMES_NOTE =
  "Milliseconds of a batch of 32 glosses, one thread, each model in turns with the dense one in one process. The speed of the machine differs between lines, so ratios are what compares.";

const measuredPart = (name: StudyName, cells: readonly Cell[], rows: Rows, pictures: readonly Picture[]): string => {
  const times = rows.all().filter(({ job }) => job.startsWith("time/"));
  const hasTimes = (name === "g" || name === "e") && times.length > 0;
  return [
    BEGIN,
    ...pictures.map(({ file, caption }) => `![${caption}](pictures/${file}.svg)`),
    name === "b" ? layerTables(cells, rows) : taskTables(cells, rows),
    ...(COMPARISONS[name] ? [`### Beside each other\n\n${comparisonTable(COMPARISONS[name], cells, rows)}`] : []),
    ...(hasTimes ? [`### Times\n\n${TIMES_NOTE}\n\n${timesTable(times)}`] : []),
    "### What is there",
    missingOf(cells, rows),
    `Every row: [rows/${name}.csv](rows/${name}.csv).`,
    END,
  ].join("\n\n");
};

const newPage = (name: StudyName, title: string, question: string): string =>
  `# ${title}\n\n${question}\n\n\`\`\`sh\nnpm run study -- ${name}\n\`\`\`\n\n## Measured\n\n${BEGIN}\n\n${END}\n`;

/** Writes the CSV of a study, its pictures, and the measured part of its page; the prose of a page that is there stays. Returns the files. */
export const writeSummary = async (name: StudyName, rows: Rows, scale: Scale, folder: string): Promise<string[]> => {
  const { cells, title, question } = studyOf(name, scale);
  const written: string[] = [];
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
    written.push(join(folder, path));
  };
  const pictures = picturesOf(name, cells, rows, scale);
  write(`rows/${name}.csv`, writeCells(cells, rows));
  for (const { file, figure } of pictures) write(`pictures/${file}.svg`, `${toSvgFile(figure)}\n`);
  if (name === "g") {
    const times = rows.all().filter(({ job }) => job.startsWith("time/"));
    if (times.length > 0) write("rows/times.csv", writeTimes(times));
  }
  const path = join(folder, `${name}.md`);
  const page = existsSync(path) ? readFileSync(path, "utf8") : newPage(name, title, question);
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`study: expected ${path} to have ${BEGIN} and then ${END}`);
  const text = page.slice(0, from) + measuredPart(name, cells, rows, pictures) + page.slice(to + END.length);
  write(`${name}.md`, await format(text, { ...(await resolveConfig(path)), parser: "markdown" }));
  return written;
};
