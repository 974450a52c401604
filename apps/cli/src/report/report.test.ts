import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { renderAccuracyChart } from "./render-accuracy-chart.ts";
import { renderAttention } from "./render-attention.ts";
import { renderBlockMosaic, type BlockMosaicData } from "./render-block-mosaic.ts";
import { renderHeatMap } from "./render-heat-map.ts";
import { renderLossChart, smooth, thinOut } from "./render-loss-chart.ts";
import { html, type Markup } from "./markup.ts";
import { renderPage } from "./render-page.ts";
import { renderTable } from "./render-table.ts";

const parse = (markup: Markup): Document =>
  parseHTML(`<!doctype html><html><body>${markup.toString()}</body></html>`).document;

const texts = (root: ParentNode, selector: string): string[] =>
  Array.from(root.querySelectorAll(selector), (element) => element.textContent.trim());

test("html escapes what is put in, and joins lists of markup", () => {
  const items = ['<b> & "c"', "d'e"].map((text) => html`<li title="${text}">${text}</li>`);
  expect(html`${items}`.toString()).toBe(
    '<li title="&lt;b&gt; &amp; &quot;c&quot;">&lt;b&gt; &amp; &quot;c&quot;</li><li title="d&#39;e">d&#39;e</li>',
  );
});

test("a table has a row for each row, numbers on the right, and one in bold", () => {
  const document = parse(
    renderTable(
      [
        { title: "name", value: (row: { name: string; n: number }) => row.name },
        { title: "n", value: (row) => String(row.n), numeric: true },
      ],
      [
        { name: "a", n: 1 },
        { name: "<b>", n: 2 },
      ],
      ({ n }) => n === 2,
    ),
  );
  expect(texts(document, "th")).toEqual(["name", "n"]);
  expect(texts(document, "td")).toEqual(["a", "1", "<b>", "2"]);
  expect(texts(document, "tr.strong td")).toEqual(["<b>", "2"]);
  expect(texts(document, "td.number")).toEqual(["1", "2"]);
});

test("thinning takes means of equal stretches and keeps the last step", () => {
  const points = Array.from({ length: 1000 }, (_, i) => ({ step: i + 1, loss: i % 2 }));
  const thin = thinOut(points, 100);
  expect(thin).toHaveLength(100);
  expect(thin[99]!.step).toBe(1000);
  for (const { loss } of thin) expect(loss).toBe(0.5);
  expect(thinOut(points.slice(0, 7), 100)).toEqual(points.slice(0, 7));
});

test("the trend at a step is the mean of the steps up to it", () => {
  const losses = [4, 2, 0, 2].map((loss, i) => ({ step: i, loss }));
  expect(smooth(losses, 2).map(({ loss }) => loss)).toEqual([4, 3, 1, 1]);
});

test("a loss chart draws two lines a series, in its colour, and names them", () => {
  const points = Array.from({ length: 50 }, (_, i) => ({ step: i, loss: 50 - i }));
  const document = parse(
    renderLossChart(
      [
        { name: "dense", points },
        { name: "sparse", points },
      ],
      { title: "Loss" },
    ),
  );
  expect(texts(document, ".legend span")).toEqual(["dense", "sparse"]);
  for (const color of ["var(--blue)", "var(--orange)"]) {
    expect(document.querySelectorAll(`svg g[stroke="${color}"] path`)).toHaveLength(2);
  }
});

test("a loss that is not finite does not break the chart", () => {
  const points = [1, NaN, 3, Infinity].map((loss, step) => ({ step, loss }));
  expect(renderLossChart([{ name: "run", points }], { title: "Loss" }).toString()).not.toMatch(/NaN|Infinity/);
});

test("an accuracy chart has a bar and a figure for each", () => {
  const document = parse(
    renderAccuracyChart(
      [
        { name: "naive Bayes", accuracy: 0.682 },
        { name: "ours", accuracy: 0.341, series: 1 },
      ],
      { title: "Accuracy" },
    ),
  );
  const widths = Array.from(document.querySelectorAll('svg [aria-label="bar"] rect'), (bar) =>
    Number(bar.getAttribute("width")),
  );
  expect(widths).toHaveLength(2);
  expect(widths[0]! / widths[1]!).toBeCloseTo(2, 6);
  expect(texts(document, "svg text")).toEqual(expect.arrayContaining(["naive Bayes", "ours", "68.2 %", "34.1 %"]));
});

/** 2 × 3 blocks: the first row has columns 0 and 2, the second column 1. */
const small: BlockMosaicData = {
  name: "layer",
  shape: [8, 12],
  blockSize: 4,
  crowIndices: [0, 2, 3],
  colIndices: [0, 2, 1],
  norms: [3, 1, 2],
};

/** Where the tiles are, in the order of their shades. */
const tilesOf = (data: BlockMosaicData): string[] =>
  Array.from(parse(renderBlockMosaic(data)).querySelectorAll("path"), (path) =>
    Array.from(path.getAttribute("d")!.matchAll(/M(\d+ \d+)h/g), ([, at]) => at!).join(","),
  );

test("a mosaic has a tile for each block, at its column and row, paler for smaller norms", () => {
  expect(tilesOf(small)).toEqual(["2 0", "1 1", "0 0"]);
  expect(texts(parse(renderBlockMosaic(small)), "title")).toEqual(["layer: 3 of 6 blocks of 4 × 4"]);
});

test("a mosaic with more rows than columns lies on its side", () => {
  const tall = { ...small, shape: [12, 8] as const, crowIndices: [0, 1, 1, 2], colIndices: [1, 0], norms: [1, 2] };
  expect(tilesOf(tall)).toEqual(["0 1", "2 0"]);
  expect(renderBlockMosaic(tall).toString()).toContain("12 × 8, outputs across");
});

test("a mosaic without blocks is an empty picture", () => {
  expect(tilesOf({ ...small, crowIndices: [0, 0, 0], colIndices: [], norms: [] })).toEqual([]);
});

test("a heat map has a cell and its value for each pair, densities falling to the right", () => {
  const cells = ["first", "second"].flatMap((layer, l) =>
    [0.1, 0.5].map((density) => ({ layer, density, value: l + density })),
  );
  const document = parse(renderHeatMap(cells, { title: "Heat", format: (value) => value.toFixed(2) }));
  const rects = Array.from(document.querySelectorAll('svg [aria-label="cell"] rect'));
  expect(rects).toHaveLength(4);
  const x = (i: number): number => Number(rects[i]!.getAttribute("x"));
  expect(x(1)).toBeLessThan(x(0));
  expect(texts(document, "svg text")).toEqual(
    expect.arrayContaining(["first", "second", "0.5", "0.1", "0.10", "0.50", "1.10", "1.50"]),
  );
});

test("a picture of attention has a cell for each pair of tokens, and figures for the larger weights", () => {
  const tokens = ["the", "bird", "the"];
  const weights = [
    [0.05, 0.9, 0.05],
    [0.3, 0.4, 0.3],
    [0.04, 0.01, 0.95],
  ];
  const document = parse(renderAttention({ tokens, weights }, { title: "Attention" }));
  expect(document.querySelectorAll('svg [aria-label="cell"] rect')).toHaveLength(9);
  const labels = texts(document, "svg text");
  expect(labels.filter((label) => label === "the")).toHaveLength(4);
  expect(labels).toEqual(expect.arrayContaining(["bird", "90", "30", "40", "95"]));
  expect(labels).not.toContain("5");
});

test("a page stands alone: no address, no script, light and dark", () => {
  const text = renderPage("Title", html`<p>body</p>`);
  expect(text).toMatch(/^<!doctype html>/);
  expect(text).toContain("prefers-color-scheme:dark");
  expect(text).not.toMatch(/<script|<link|src=|url\(|@import/);
});
