import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Markup } from "./markup.ts";

/** Draws a plot without a browser. Its text is in `currentColor` and its colours in the page's variables. */
export const renderPlot = (options: Plot.PlotOptions, label: string): Markup => {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({ ...options, document: document, ariaLabel: label });
  svg.setAttribute("role", "img");
  return new Markup(svg.outerHTML);
};
