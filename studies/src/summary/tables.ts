import { estimate, type Estimate } from "@tessera/cli/internal/sweep-report/statistics";
import type { Cell, Task } from "../cell.ts";
import type { Row } from "../measured.ts";
import type { Rows } from "../rows.ts";
import { differencesOf, digitsOf, groupCells, labelOf, meanScore, scoreOf, type Group } from "./found.ts";

/** A table in Markdown; columns after the first are numbers. */
export const table = (head: readonly string[], body: readonly (readonly string[])[]): string => {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "--:"))), ...body.map(line)].join("\n");
};

/** A minus that is as wide as a plus. */
export const signed = (value: number, digits: number): string => {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
};

/** `−0.10 [−0.40, +0.20]`; of one seed the number alone. */
export const withInterval = ({ mean, low, high, count }: Estimate, digits: number): string =>
  count < 2 ? signed(mean, digits) : `${signed(mean, digits)} [${signed(low, digits)}, ${signed(high, digits)}]`;

const titleOf = (task: Task, steps: number): string => {
  if (task === "maskedLM")
    return steps === 0 ? "Masked-LM loss, one-shot" : `Masked-LM loss, after ${steps} steps of recovery`;
  const [, classes, labels] = /glosses(\d+)x(\d+)/.exec(task)!;
  return `Accuracy, ${classes} classes, ${labels} labels each`;
};

const lineOf = (group: Group, rows: Rows): string[] => {
  const { first, planned, found } = group;
  const digits = digitsOf(first.task);
  const differences = differencesOf(group, rows);
  return [
    first.model === "naive Bayes" ? "naive Bayes" : labelOf(first),
    found.length < planned ? `${found.length} of ${planned}` : String(planned),
    meanScore(group).mean.toFixed(digits),
    differences.length === 0 ? "" : withInterval(estimate(differences), digits),
    differences.map((value) => signed(value, digits)).join(", "),
  ];
};

/** Every group of some cells that has rows: mean, paired difference to dense with its interval, and the difference of each seed. A table for each task. */
export const taskTables = (cells: readonly Cell[], rows: Rows): string => {
  const groups = groupCells(cells, rows).filter(({ found }) => found.length > 0);
  const kindOf = ({ first }: Group): string =>
    titleOf(first.task, first.model === "naive Bayes" || first.task !== "maskedLM" ? 1 : first.steps);
  const titles = [...new Set(groups.map(kindOf))];
  return titles
    .map((title) => {
      const own = groups.filter((group) => kindOf(group) === title);
      const score = own[0]!.first.task === "maskedLM" ? "loss" : "accuracy, %";
      return `### ${title}\n\n${table(
        ["", "seeds", score, "difference to dense [95 %]", "of each seed"],
        own.map((group) => lineOf(group, rows)),
      )}`;
    })
    .join("\n\n");
};

/** Two groups that are compared with each other rather than with dense. */
export interface Comparison {
  readonly of: string;
  readonly beside: string;
}

/** Paired differences of groups to others than dense, each of a task's, by their labels. */
export const comparisonTable = (comparisons: readonly Comparison[], cells: readonly Cell[], rows: Rows): string => {
  const groups = groupCells(cells, rows).filter(({ found }) => found.length > 0);
  const body = comparisons.flatMap(({ of, beside }) =>
    groups
      .filter(({ first }) => labelOf(first) === of)
      .flatMap((group) => {
        const { task } = group.first;
        const other = groups.find(({ first }) => first.task === task && labelOf(first) === beside);
        const differences = group.found.flatMap(({ cell, row }) => {
          const pair = other?.found.find(({ cell: { seed } }) => seed === cell.seed);
          return pair ? [scoreOf(task, row) - scoreOf(task, pair.row)] : [];
        });
        if (differences.length === 0) return [];
        const digits = digitsOf(task);
        return [
          [
            `${of} − ${beside}`,
            titleOf(task, group.first.steps),
            withInterval(estimate(differences), digits),
            differences.map((value) => signed(value, digits)).join(", "),
          ],
        ];
      }),
  );
  return table(["", "", "difference [95 %]", "of each seed"], body);
};

/** What a study asks for and has no row of. */
export const missingOf = (cells: readonly Cell[], rows: Rows): string => {
  const groups = groupCells(cells, rows);
  const [planned, found] = [
    groups.reduce((sum, each) => sum + each.planned, 0),
    groups.reduce((sum, each) => sum + each.found.length, 0),
  ];
  if (planned === found) return `All ${planned} cells are there.`;
  const lacking = groups.filter((each) => each.found.length < each.planned);
  const list = lacking.map(({ first, found: has, planned: all }) => {
    const what = first.model === "naive Bayes" ? first.model : labelOf(first);
    return `- ${titleOf(first.task, first.steps)}: ${what} (${has.length} of ${all})`;
  });
  return `${found} of ${planned} cells are there; the time ended before the others. They are made by the command above, which goes on where it stopped.\n\n<details>\n<summary>Missing, or with fewer seeds than planned</summary>\n\n${list.join("\n")}\n\n</details>`;
};

/** Times beside the dense model's, taken in turns in one process. */
export const timesTable = (times: readonly Row[]): string =>
  table(
    ["", "parameters", "forward, ms", "dense", "ratio", "step, ms", "dense", "ratio"],
    times.map(({ job, parameters, forwardMs, denseForwardMs, stepMs, denseStepMs }) => [
      job
        .replace(/^time\/(main-0\/)?/, "")
        .replace(/ magnitude before$/, "")
        .replace(/ b(\d+)$/, " in blocks of $1")
        .replace(/^(article|all) /, (_, which: string) => (which === "all" ? "all linear, " : "the three patterns, "))
        .replace(/^deep(\d+)-0\/dense$/, "dense of $1 layers")
        .replace(/^wide(\d+)-0\/dense$/, "dense, $1 wide"),
      String(parameters),
      forwardMs!.toFixed(1),
      denseForwardMs!.toFixed(1),
      (forwardMs! / denseForwardMs!).toFixed(2),
      stepMs!.toFixed(1),
      denseStepMs!.toFixed(1),
      (stepMs! / denseStepMs!).toFixed(2),
    ]),
  );
