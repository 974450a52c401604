import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Markup } from "./markup.ts";

/** Draws a plot as SVG without a browser. Text has the colour `currentColor`; other colours are CSS variables of the page. */
export const renderPlot = (options: Plot.PlotOptions, label: string): Markup => {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({ ...options, document: document, ariaLabel: label });
  svg.setAttribute("role", "img");
  return new Markup(svg.outerHTML);
};
