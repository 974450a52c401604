import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { createSweepRows } from "../../../../tests/support/sweep-rows.ts";
import { toFileName, toSvgFile } from "../report/figure-files.ts";
import { renderDivergingHeatMap } from "../report/render-diverging-heat-map.ts";
import { findAdditivity } from "./additivity.ts";
import { paretoFront } from "./pareto.ts";
import { estimate } from "./statistics.ts";
import { groupCells } from "./sweep-cells.ts";
import { createSweepReport } from "./sweep-report.ts";
import { parseSweepRows } from "./sweep-row.ts";

const parse = (text: string) => parseSweepRows(new TextEncoder().encode(text), "rows.jsonl");
const rows = parse(createSweepRows());
const report = createSweepReport(rows, { source: "rows.jsonl", command: "tessera report runs/sweep" });

test("an estimate is a mean with Student's interval", () => {
  const { mean, low, high } = estimate([1, 2, 3]);
  // s = 1, so half of the interval is 4.303 / √3.
  expect([mean, (high - low) / 2]).toEqual([2, expect.closeTo(2.4843, 4)]);
  expect(estimate([5])).toEqual({ mean: 5, low: 5, high: 5, count: 1 });
});

test("rows are read strictly, and a line that was cut short is left out", () => {
  expect(rows).toHaveLength(3 * (1 + 2 * 3 * 11) + 3);
  expect(parse(createSweepRows().slice(0, -20))).toHaveLength(rows.length - 1);
  expect(() => parse('{"cell":"a"}\n')).toThrow("rows.jsonl, line 1: model: expected a value, got nothing");
  expect(() => parse("{\n")).toThrow("rows.jsonl, line 1: expected a measured row, got text that is no JSON");
});

test("rows of the command before seeds and times are read too", () => {
  const old = {
    density: 0.5,
    realised: 0.5,
    loss: 1.2,
    model: "a",
    data: "texts",
    blockSize: 8,
    criterion: "magnitude",
  };
  const text = ["", "up"]
    .map((layer) =>
      JSON.stringify({ ...old, layer, loss: layer === "" ? 1 : 1.2, recoverySteps: 0, seed: 0, device: "cpu" }),
    )
    .join("\n");
  const [cell] = groupCells(parse(`${text}\n`));
  expect(cell).toMatchObject({ layer: "up", density: 0.5, variant: "magnitude, one-shot, block 8" });
  expect(cell!.values.loss!.mean).toBeCloseTo(0.2, 12);
});

test("a cell is beside the dense row of its own seed, and its interval is over seeds", () => {
  const cells = groupCells(rows);
  const cell = cells.find(
    ({ layers, density, variant }) => layers.length === 1 && density === 0.25 && /magnitude/.test(variant),
  )!;
  expect(cell.rows.map(({ seed }) => seed)).toEqual([0, 1, 2]);
  const dense = rows.filter(({ layers, model }) => layers.length === 0 && model === "m0");
  const differences = cell.rows.map((row) => row.loss! - dense.find(({ seed }) => seed === row.seed)!.loss!);
  expect(cell.values.loss).toEqual(estimate(differences));
  expect(cell.values.stepSpeedUp!.mean).toBeCloseTo(20 / cell.rows[0]!.stepMs!, 12);
});

test("of one seed the interval is the one over test items", () => {
  const one = rows.filter(({ seed }) => seed === 0);
  const cell = groupCells(one).find(({ errors }) => errors.length === 0)!;
  const { mean, low, high } = cell.values.loss!;
  expect([mean - low, high - mean]).toEqual([expect.closeTo(0.02, 12), expect.closeTo(0.02, 12)]);
});

test("costs together stand beside the sum of costs alone", () => {
  const cells = groupCells(rows);
  const points = findAdditivity(cells);
  expect(points).toHaveLength(2 * 3 * 5);
  const point = points.find(
    ({ layers, density, variant }) => layers === 2 && density === 0.5 && /magnitude/.test(variant),
  )!;
  const alone = cells
    .filter(
      ({ layers, density, rows: [row] }) => layers.length === 1 && density === 0.5 && row!.criterion === "magnitude",
    )
    .slice(0, 2);
  expect(point.sum).toBeCloseTo(
    alone.reduce((sum, cell) => sum + cell.values.loss!.mean, 0),
    12,
  );
  // The made-up rows cost 0.01 more for each of two layers at half of the blocks.
  expect(point.together.mean - point.sum).toBeCloseTo(0.01, 10);
});

test("a front has the models that no other beats", () => {
  const models = [
    { cost: 3, score: 3 },
    { cost: 1, score: 1 },
    { cost: 2, score: 0.5 },
    { cost: 3, score: 2 },
    { cost: 4, score: 3 },
  ];
  expect(paretoFront(models, ({ cost }) => cost)).toEqual([models[1], models[0]]);
});

test("a diverging map tells −0.09 from +0.09, and zero is as the paper", () => {
  const cells = [-0.09, 0, 0.09].map((value, i) => ({ row: "query", column: String(i), value }));
  const options = { title: "Loss", columnLabel: "density", format: String, better: "lower" } as const;
  const { document } = parseHTML(`<html><body>${renderDivergingHeatMap(cells, options).toString()}</body></html>`);
  const seen = Array.from(document.querySelectorAll('g[aria-label="cell"] rect'), (rect) => [
    rect.closest("g")!.getAttribute("fill"),
    Number(rect.getAttribute("fill-opacity")),
  ]);
  expect(seen).toEqual([
    ["var(--better)", 1],
    ["var(--better)", 0.04],
    ["var(--worse)", 1],
  ]);
});

test("a report has every picture, every cell, what failed and why, and the conditions", () => {
  const titles = report.figures.map(({ title }) => title);
  for (const title of [
    "Loss added: ",
    "Accuracy lost, points: ",
    "Forward pass",
    "Training step",
    "The 4 most sensitive layers",
  ])
    expect(
      titles.some((each) => each.startsWith(title)),
      title,
    ).toBe(true);
  expect(titles).toEqual(
    expect.arrayContaining([
      "Loss added: mean over layers",
      "Accuracy against parameters",
      "Accuracy against measured step time",
      "Cost of layers together, against the sum of their costs alone",
    ]),
  );
  expect(new Set(titles.map(toFileName)).size).toBe(titles.length);
  for (const text of [
    "tessera report runs/sweep",
    "threads",
    "expected a finite loss, got NaN",
    "dense, of this and smaller sizes",
  ])
    expect(report.html).toContain(text);
  expect(report.html.replaceAll("got NaN", "")).not.toMatch(/NaN|undefined|<script/);
  expect(report.csv.trim().split("\r\n")).toHaveLength(1 + rows.length);
  expect(report.lines.join("\n")).toMatch(/0 attention\.self\.query +[+−]0\.\d{3} ±0\.\d{3}/);
  expect(report.markdown).toMatch(/\| 0 attention\.self\.query \| .*\[/);
});

test("a picture stands alone as a file, with its colours", () => {
  const svg = toSvgFile(report.figures[0]!.markup);
  expect(svg).toMatch(/^<svg[^>]* xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(svg).toContain("--worse:");
  expect(svg.match(/ xmlns="/g)).toHaveLength(1);
});
