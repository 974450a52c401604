import type { Markup } from "./markup.ts";

/** The colours of the page, for pictures that stand alone. */
const STYLE = `<style>:root{color:#1c2430;--paper:#fbfaf7;--card:#fff;--ink:#1c2430;--faint:#667085;--line:#e4e2dc;--blue:#2563c9;--orange:#c2570c;--green:#11795a;--violet:#7a4fc4;--grey:#98a0ac;--better:#1d5fb8;--worse:#b8500c}
@media(prefers-color-scheme:dark){:root{color:#e7eaef;--paper:#12161d;--card:#1a1f28;--ink:#e7eaef;--faint:#9aa4b2;--line:#2b323d;--blue:#78a9ff;--orange:#ff9f5a;--green:#4fc99a;--violet:#b79cff;--grey:#6f7885}}
svg{background:var(--card);font-family:system-ui,sans-serif}</style>`;

/** The picture of a figure as an SVG file of its own, light or dark as the reader's system is. */
export const toSvgFile = (figure: Markup): string => {
  const [svg] = /<svg[\s\S]*<\/svg>/.exec(figure.toString()) ?? [];
  if (svg === undefined) throw new Error("toSvgFile: expected a figure with a picture");
  const named = svg.includes("xmlns=") ? svg : svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  return named.replace(/(<svg[^>]*>)/, `$1${STYLE}`);
};

/** `Loss added: magnitude` is `loss-added-magnitude`. */
export const toFileName = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^-|-$/g, "");
